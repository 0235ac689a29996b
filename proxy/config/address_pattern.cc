#include "proxy/config/address_pattern.h"

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/base/local_part.h"

namespace sallyport::config {
namespace {

// RFC 5321 section 4.5.3.1: a path is 256 octets with its brackets.
constexpr std::size_t kLongestPattern = 254;

std::unexpected<Error> not_a_pattern() {
  return fail(
      ErrorCode::kInvalid,
      "expected \"*\", \"*@example.com\", \"*@*.example.com\", \"name@example.com\" or \"<>\"");
}

/// Octets that no address of ours holds, or that would make a pattern look like more than it is.
bool is_plain(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return ascii::is_control(c) || c == ' ' || c == '*' || c == '<' || c == '>' || c == '@' ||
           c == ',';
  });
}

std::string_view without_last_dot(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  return domain;
}

bool is_plain_domain(std::string_view text) {
  return is_plain(text) && !text.starts_with('.') && !text.ends_with('.') && !text.contains("..");
}

}  // namespace

Result<AddressPattern> AddressPattern::parse(std::string_view text) {
  AddressPattern pattern;
  pattern.text_ = text;
  if (text.size() > kLongestPattern) return not_a_pattern();
  if (text == "*") return pattern;
  if (text == "<>") {
    pattern.kind_ = Kind::kNull;
    return pattern;
  }
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return not_a_pattern();
  const std::string_view local = text.substr(0, at);
  std::string_view domain = text.substr(at + 1);
  pattern.kind_ = Kind::kMailbox;
  if (local == "*") {
    pattern.kind_ = domain.starts_with("*.") ? Kind::kSubdomains : Kind::kDomain;
    if (pattern.kind_ == Kind::kSubdomains) domain.remove_prefix(2);
  } else if (!is_plain(local)) {
    return not_a_pattern();
  } else {
    pattern.local_ = ascii::lower(normal_local_part(unquoted_local_part(local)));
  }
  domain = without_last_dot(domain);
  if (!is_plain_domain(domain)) return not_a_pattern();
  pattern.domain_ = ascii::lower(domain);
  return pattern;
}

AddressPattern AddressPattern::none() {
  AddressPattern pattern;
  pattern.kind_ = Kind::kNone;
  return pattern;
}

std::string AddressPattern::normal() const {
  switch (kind_) {
    case Kind::kAny:
      return "*";
    case Kind::kNull:
      return "<>";
    case Kind::kDomain:
      return "*@" + domain_;
    case Kind::kSubdomains:
      return "*@*." + domain_;
    case Kind::kMailbox:
      return local_ + '@' + domain_;
    case Kind::kNone:
      return "nobody";
  }
  return {};
}

bool AddressPattern::matches(std::string_view local, std::string_view domain) const {
  domain = without_last_dot(domain);
  switch (kind_) {
    case Kind::kAny:
      return true;
    case Kind::kNull:
      return local.empty() && domain.empty();
    case Kind::kDomain:
      return ascii::equals_ignoring_case(domain, domain_);
    case Kind::kSubdomains: {
      if (domain.size() <= domain_.size() + 1) return false;
      const std::string_view tail = domain.substr(domain.size() - domain_.size());
      return domain[domain.size() - domain_.size() - 1] == '.' &&
             ascii::equals_ignoring_case(tail, domain_);
    }
    case Kind::kMailbox:
      return ascii::equals_ignoring_case(domain, domain_) &&
             (ascii::equals_ignoring_case(local, local_) ||
              (local.starts_with('"') &&
               ascii::equals_ignoring_case(normal_local_part(unquoted_local_part(local)), local_)));
    case Kind::kNone:
      return false;
  }
  return false;
}

}  // namespace sallyport::config
