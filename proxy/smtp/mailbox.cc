#include "proxy/smtp/mailbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/local_part.h"
#include "proxy/base/utf8.h"
#include "proxy/smtp/domain.h"

namespace sallyport::smtp {
namespace {

constexpr std::string_view kPostmaster = "Postmaster";
constexpr std::size_t kMaxPath = 256;  // RFC 5321 section 4.5.3.1.3: with "<" and ">"

std::unexpected<Error> invalid(std::string text) {
  return fail(ErrorCode::kInvalid, std::move(text));
}

bool is_beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

/// atext of RFC 5322 section 3.2.3, with UTF8-non-ascii where RFC 6531 section 3.3 adds it.
bool is_atext(char c, bool allow_utf8) {
  if (ascii::is_alnum(c)) return true;
  if (is_beyond_ascii(c)) return allow_utf8;
  return c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

/// Takes the longest front of `text` whose octets all satisfy `is_part`.
template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate is_part) {
  const auto end = std::ranges::find_if_not(text, is_part);
  const std::string_view front(text.begin(), end);
  text.remove_prefix(front.size());
  return front;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

/// Quoted-string = DQUOTE *QcontentSMTP DQUOTE; `text` begins with the DQUOTE.
Result<std::string_view> take_quoted_string(std::string_view& text, bool allow_utf8) {
  std::size_t i = 1;
  for (; i < text.size() && text[i] != '"'; ++i) {
    const bool is_pair = text[i] == '\\';
    if (is_pair && ++i == text.size()) break;
    const char c = text[i];
    if (ascii::is_control(c) || (is_beyond_ascii(c) && (is_pair || !allow_utf8))) {
      return invalid(
          fmt::format("the quoted local part has {}, which is not allowed", show_octet(c)));
    }
  }
  if (i >= text.size()) return invalid("the quoted local part has no closing '\"'");
  const std::string_view quoted = text.substr(0, i + 1);
  text.remove_prefix(quoted.size());
  return quoted;
}

/// Dot-string = Atom *("." Atom), but the dots may stand anywhere: mailboxes like `first..last@`
/// and `name.@` exist at large providers.
std::string_view take_dot_string(std::string_view& text, bool allow_utf8) {
  return take_while(text, [&](char c) { return c == '.' || is_atext(c, allow_utf8); });
}

/// In its normal form.
Result<std::string> take_local_part(std::string_view& text, bool allow_utf8) {
  const bool quoted = text.starts_with('"');
  const auto local = quoted ? take_quoted_string(text, allow_utf8)
                            : Result<std::string_view>(take_dot_string(text, allow_utf8));
  if (!local) return fail(local.error());
  if (local->empty() && text.starts_with('@')) return invalid("the local part is missing");
  if (!utf8::is_valid(*local)) return invalid("the local part is not valid UTF-8");
  return normal_local_part(quoted ? unquoted_local_part(*local) : *local);
}

/// Takes a Domain or an address literal, as far as its octets go, and checks it.
Result<std::string_view> take_domain(std::string_view& text, bool allow_utf8) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return invalid("the address literal has no closing ']'");
    const std::string_view literal = text.substr(0, close + 1);
    text.remove_prefix(literal.size());
    if (auto checked = check_address_literal(literal); !checked) return fail(checked.error());
    return literal;
  }
  // All that cannot follow a domain belongs to it, so that the error names the octet in its place.
  std::string_view domain =
      take_while(text, [](char c) { return !std::string_view("<>@,: \t").contains(c); });
  // The same name, written as the absolute one that it is (RFC 1035 section 5.1).
  if (domain.size() > 1 && domain.ends_with('.')) domain.remove_suffix(1);
  if (auto checked = check_domain(domain, allow_utf8); !checked) return fail(checked.error());
  if (!utf8::is_valid(domain)) return invalid("the domain is not valid UTF-8");
  return domain;
}

/// Nearly all addresses are dot-atoms at a plain name: takes one, in a single pass. Empty where any
/// rule beyond that has to be looked at; then `text` is as it was.
std::optional<Mailbox> take_plain_mailbox(std::string_view& text) {
  static constexpr auto kAtom = [] {
    std::array<bool, 256> atom{};
    for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~")) {
      atom[static_cast<unsigned char>(c)] = true;
    }
    for (unsigned c = 0; c < 128; ++c) atom[c] = atom[c] || ascii::is_alnum(static_cast<char>(c));
    return atom;
  }();
  constexpr std::size_t kMostLocal = 64;
  constexpr std::size_t kMostDomain = 63;
  std::size_t at = 0;
  for (char before = '.'; at < text.size() && text[at] != '@'; before = text[at++]) {
    const char c = text[at];
    if (c == '.' ? before == '.' : !kAtom[static_cast<unsigned char>(c)]) return std::nullopt;
  }
  if (at == 0 || at > kMostLocal || at == text.size() || text[at - 1] == '.') return std::nullopt;
  std::size_t end = at + 1;
  std::size_t label = end;
  for (; end < text.size() && text[end] != '>' && text[end] != ' '; ++end) {
    const char c = text[end];
    if (c == '.') {
      if (end == label) return std::nullopt;
      label = end + 1;
    } else if (!ascii::is_alnum(c)) {
      return std::nullopt;
    }
  }
  // A last label of digits may be meant as an IP address.
  const bool named = end > label && ascii::is_alpha(text[label]) && end - at - 1 <= kMostDomain;
  if (!named) return std::nullopt;
  Mailbox mailbox{.local = std::string(text.substr(0, at)),
                  .domain = std::string(text.substr(at + 1, end - at - 1))};
  text.remove_prefix(end);
  return mailbox;
}

/// Mailbox = Local-part "@" ( Domain / address-literal )
Result<Mailbox> take_mailbox(std::string_view& text, bool allow_utf8) {
  if (auto plain = take_plain_mailbox(text)) return *std::move(plain);
  auto local = take_local_part(text, allow_utf8);
  if (!local) return fail(local.error());
  if (!take(text, '@')) {
    if (text.empty() || text.starts_with('>')) return invalid("the address has no '@' and domain");
    if (is_beyond_ascii(text.front())) {
      return invalid("the local part goes beyond ASCII, which needs SMTPUTF8");
    }
    return invalid(fmt::format("the local part has {}, which is not allowed outside quotes",
                               show_octet(text.front())));
  }
  const auto domain = take_domain(text, allow_utf8);
  if (!domain) return fail(domain.error());
  if (local->size() + 1 + domain->size() > kMaxPath - 2) {
    return invalid("the address is longer than 254 octets");
  }
  return Mailbox{.local = *std::move(local), .domain = std::string(*domain)};
}

/// A-d-l ":" = At-domain *( "," At-domain ) ":", RFC 5321 appendix C: checked, then forgotten.
Result<void> skip_source_route(std::string_view& text, bool allow_utf8) {
  if (!text.starts_with('@')) return {};
  do {
    if (!take(text, '@')) return invalid("the source route has a hop without '@'");
    const auto hop = take_domain(text, allow_utf8);
    if (!hop) return fail(hop.error());
  } while (take(text, ','));
  if (!take(text, ':')) return invalid("the source route does not end with ':'");
  return {};
}

/// The path after its "<", up to and including ">"; without brackets, up to the space behind it.
Result<Mailbox> take_rest_of_path(std::string_view& text, bool bracketed, bool allow_utf8) {
  if (auto route = skip_source_route(text, allow_utf8); !route) return fail(route.error());
  auto mailbox = take_mailbox(text, allow_utf8);
  if (!mailbox) return mailbox;
  if (bracketed ? take(text, '>') : text.empty() || text.starts_with(' ')) return mailbox;
  if (text.empty()) return invalid("the address has no closing '>'");
  return invalid(fmt::format("the address has {} after its domain", show_octet(text.front())));
}

/// Takes `Postmaster` and what ends the path; empty if something else stands there.
std::string_view take_postmaster(std::string_view& text, bool bracketed) {
  if (!ascii::starts_with_ignoring_case(text, kPostmaster)) return {};
  std::string_view rest = text.substr(kPostmaster.size());
  if (bracketed ? !take(rest, '>') : !rest.empty() && !rest.starts_with(' ')) return {};
  const std::string_view postmaster = text.substr(0, kPostmaster.size());
  text = rest;
  return postmaster;
}

}  // namespace

Result<Mailbox> parse_mailbox(std::string_view text, bool allow_utf8) {
  if (text.empty()) return invalid("the address is missing");
  auto mailbox = take_mailbox(text, allow_utf8);
  if (mailbox && !text.empty()) {
    return invalid(fmt::format("the address has {} after its domain", show_octet(text.front())));
  }
  return mailbox;
}

Result<Parsed<ReversePath>> parse_reverse_path(std::string_view text, bool allow_utf8) {
  if (text.empty()) return invalid("the address is missing");
  const bool bracketed = take(text, '<');
  if (bracketed && take(text, '>')) return Parsed<ReversePath>{.value = {}, .rest = text};
  auto mailbox = take_rest_of_path(text, bracketed, allow_utf8);
  if (!mailbox) return fail(std::move(mailbox.error()));
  return Parsed<ReversePath>{.value = {std::move(*mailbox)}, .rest = text};
}

Result<Parsed<Mailbox>> parse_forward_path(std::string_view text, bool allow_utf8) {
  if (text.empty()) return invalid("the address is missing");
  const bool bracketed = take(text, '<');
  if (bracketed && text.starts_with('>')) return invalid("the address is empty");
  if (const std::string_view local = take_postmaster(text, bracketed); !local.empty()) {
    return Parsed<Mailbox>{.value = {.local = std::string(local), .domain = ""}, .rest = text};
  }
  auto mailbox = take_rest_of_path(text, bracketed, allow_utf8);
  if (!mailbox) return fail(std::move(mailbox.error()));
  return Parsed<Mailbox>{.value = std::move(*mailbox), .rest = text};
}

}  // namespace sallyport::smtp
