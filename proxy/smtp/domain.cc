#include "proxy/smtp/domain.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"

namespace sallyport::smtp {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::string_view kIpv6Tag = "IPv6:";

bool is_label_octet(char c, bool allow_utf8) {
  return ascii::is_alnum(c) || c == '-' || c == '_' ||
         (allow_utf8 && static_cast<unsigned char>(c) >= 0x80);
}

Result<void> check_label(std::string_view label, bool allow_utf8) {
  if (label.empty()) return fail(ErrorCode::kInvalid, "the domain has an empty label");
  if (label.size() > kMaxLabel) {
    return fail(ErrorCode::kInvalid, "the domain has a label longer than 63 octets");
  }
  const auto wrong =
      std::ranges::find_if_not(label, [&](char c) { return is_label_octet(c, allow_utf8); });
  if (wrong != label.end()) {
    if (static_cast<unsigned char>(*wrong) >= 0x80) {
      return fail(ErrorCode::kInvalid, "the domain goes beyond ASCII, which needs SMTPUTF8");
    }
    return fail(ErrorCode::kInvalid,
                fmt::format("the domain has {}, which is not allowed", show_octet(*wrong)));
  }
  if (label.front() == '-' || label.back() == '-') {
    return fail(ErrorCode::kInvalid, "the domain has a label that begins or ends with '-'");
  }
  return {};
}

/// The forms of IPv4-address-literal and IPv6-addr are those that inet_pton takes, with two shades:
/// "01" is no Snum to it (octal or decimal: readers differ), and "::" may stand for one group only.
bool is_address(int family, std::string_view text) {
  unsigned char address[sizeof(in6_addr)];
  return text.find('\0') == text.npos && inet_pton(family, std::string(text).c_str(), address) == 1;
}

/// General-address-literal = Standardized-tag ":" 1*dcontent
bool is_general_literal(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size()) return false;
  const std::string_view tag = text.substr(0, colon);
  const auto is_ldh = [](char c) { return ascii::is_alnum(c) || c == '-'; };
  const auto is_dcontent = [](char c) {
    return c > ' ' && c < 0x7f && c != '[' && c != '\\' && c != ']';
  };
  return std::ranges::all_of(tag, is_ldh) && ascii::is_alnum(tag.back()) &&
         std::ranges::all_of(text.substr(colon + 1), is_dcontent);
}

}  // namespace

std::string show_octet(char c) {
  const auto octet = static_cast<unsigned char>(c);
  if (octet > 0x20 && octet < 0x7f) return fmt::format("'{}'", c);
  if (c == ' ') return "a space";
  return fmt::format("the octet {}", octet);
}

Result<void> check_domain(std::string_view text, bool allow_utf8) {
  if (text.empty()) return fail(ErrorCode::kInvalid, "the domain is missing");
  if (text.size() > kMaxDomain) {
    return fail(ErrorCode::kInvalid, "the domain is longer than 255 octets");
  }
  while (true) {
    const std::size_t dot = text.find('.');
    const auto label = check_label(text.substr(0, dot), allow_utf8);
    if (!label || dot == text.npos) return label;
    text.remove_prefix(dot + 1);
  }
}

Result<void> check_address_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    return fail(ErrorCode::kInvalid, "the address literal is not in brackets");
  }
  if (text.size() > kMaxDomain) {
    return fail(ErrorCode::kInvalid, "the address literal is longer than 255 octets");
  }
  text = text.substr(1, text.size() - 2);
  if (ascii::starts_with_ignoring_case(text, kIpv6Tag)) {
    if (is_address(AF_INET6, text.substr(kIpv6Tag.size()))) return {};
    return fail(ErrorCode::kInvalid, "the address literal has no valid IPv6 address after 'IPv6:'");
  }
  if (is_address(AF_INET6, text)) {
    return fail(ErrorCode::kInvalid, "the IPv6 address literal lacks its 'IPv6:'");
  }
  if (is_address(AF_INET, text) || is_general_literal(text)) return {};
  return fail(ErrorCode::kInvalid, "the address literal is neither an IPv4 nor a tagged address");
}

}  // namespace sallyport::smtp
