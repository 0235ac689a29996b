// RCPT and its parameters: RFC 3461, RFC 6533.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"
#include "proxy/smtp/command.h"
#include "proxy/smtp/parameters.h"
#include "proxy/smtp/xtext.h"

namespace sallyport::smtp {
namespace {

/// RCPT needs to know one thing of MAIL.
struct RcptDraft : RcptCommand {
  bool smtputf8 = false;
};

using RcptReading = Reading<RcptDraft>;

constexpr EnhancedCode kBadForwardPath{5, 1, 3};
constexpr std::size_t kMostOrcpt = 500;  // RFC 3461 section 4.2

/// RFC 3461 section 4.1: "NEVER" / 1#notify-list-element
Parse<void> apply_notify(const Parameter& parameter, RcptReading& reading) {
  constexpr const char* kForm = "NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY";
  Notify& notify = reading.command.parameters.notify;
  std::string_view list = parameter.value.value_or("");
  if (ascii::equals_ignoring_case(list, "NEVER")) {
    notify.never = true;
    return {};
  }
  struct Element {
    std::string_view word;
    bool Notify::* asked;
  };
  static constexpr Element kElements[] = {
      {"SUCCESS", &Notify::success}, {"FAILURE", &Notify::failure}, {"DELAY", &Notify::delay}};
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view word = list.substr(0, comma);
    const auto element = std::ranges::find_if(kElements, [&](const Element& known) {
      return ascii::equals_ignoring_case(known.word, word);
    });
    if (element == std::end(kElements)) return invalid_arguments(kForm);
    if (std::exchange(notify.*element->asked, true)) {
      return invalid_arguments(fmt::format("NOTIFY has {} twice", element->word));
    }
    if (comma == list.npos) return {};
    list.remove_prefix(comma + 1);
  }
}

/// The length of the EmbeddedUnicodeChar of RFC 6533 section 3 at the front of `text`, as in
/// `\x{E4}`, or 0. It stands for a "\", "+", "=", space, control or something beyond ASCII; never
/// for what can stand for itself, nor for a surrogate. Its digits are upper case by RFC 6533, and
/// taken in lower case as those of xtext are.
std::size_t embedded_character(std::string_view text) {
  if (!text.starts_with("\\x{")) return 0;
  const std::size_t close = text.find('}');
  if (close == text.npos) return 0;
  const std::string_view digits = text.substr(3, close - 3);
  if (digits.size() < 2 || digits.size() > 6) return 0;
  char32_t point = 0;
  for (const char c : digits) {
    const char digit = ascii::to_upper(c);
    if (!ascii::is_digit(digit) && (digit < 'A' || digit > 'F')) return 0;
    point =
        point * 16 + static_cast<char32_t>(ascii::is_digit(digit) ? digit - '0' : digit - 'A' + 10);
  }
  const bool is_padded = digits.size() > 2 && digits.front() == '0';
  const bool is_special =
      (point > 0 && point <= ' ') || point == '+' || point == '=' || point == '\\' || point == 0x7f;
  const bool is_beyond_ascii =
      point >= 0x80 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return !is_padded && (is_special || is_beyond_ascii) ? close + 1 : 0;
}

/// RFC 6533 section 3: utf-8-addr-xtext, and, in a transaction with SMTPUTF8, utf-8-addr-unitext.
/// Appends it to `normal` with its hexadecimal digits in upper case.
Parse<void> take_utf8_address(std::string_view text, bool smtputf8, std::string& normal) {
  while (!text.empty()) {
    const char c = text.front();
    std::size_t length = 1;
    if (static_cast<unsigned char>(c) >= 0x80) {
      if (!smtputf8) return invalid_arguments("ORCPT goes beyond ASCII, which needs SMTPUTF8");
      length = utf8::sequence(text);
      if (length == 0) return invalid_arguments("ORCPT is not valid UTF-8");
    } else if (c == '\\') {
      length = embedded_character(text);
      if (length == 0) return invalid_arguments("ORCPT has a '\\' that begins no \\x{HEXADECIMAL}");
    } else if (c == '+' || c == '=') {
      return invalid_arguments(fmt::format("ORCPT has a '{}' that is not written as \\x{{{:X}}}", c,
                                           static_cast<unsigned char>(c)));
    }
    normal += text.substr(0, length);
    if (c == '\\') {
      // The digits alone: "x" stays as it is.
      std::ranges::transform(normal.end() - static_cast<std::ptrdiff_t>(length) + 3, normal.end(),
                             normal.end() - static_cast<std::ptrdiff_t>(length) + 3,
                             ascii::to_upper);
    }
    text.remove_prefix(length);
  }
  return {};
}

/// atom, of RFC 5322 section 3.2.3
bool is_address_type(std::string_view type) {
  const auto is_atext = [](char c) {
    return ascii::is_alnum(c) || (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c));
  };
  return !type.empty() && std::ranges::all_of(type, is_atext);
}

/// RFC 3461 section 4.2: original-recipient-address = addr-type ";" xtext. The address need not
/// have the form that its type asks for. It is kept printable, as it is going to be a header field
/// of a report.
Parse<void> apply_orcpt(const Parameter& parameter, RcptReading& reading) {
  const std::string_view value = parameter.value.value_or("");
  if (value.size() > kMostOrcpt) return invalid_arguments("ORCPT is longer than 500 characters");
  const std::size_t semicolon = value.find(';');
  const std::string_view type = value.substr(0, semicolon);
  if (semicolon == value.npos || semicolon + 1 == value.size() || !is_address_type(type)) {
    return invalid_arguments("ORCPT wants a type, ';' and an address: rfc822;jane@example.com");
  }
  const std::string_view address = value.substr(semicolon + 1);
  std::string& orcpt = reading.command.parameters.orcpt;
  if (ascii::equals_ignoring_case(type, "utf-8")) {
    orcpt = value.substr(0, semicolon + 1);
    return take_utf8_address(address, reading.command.smtputf8, orcpt);
  }
  const auto decoded = decode_xtext(address);
  if (!decoded) return invalid_arguments("ORCPT is not xtext: " + decoded.error().text);
  if (std::ranges::any_of(*decoded, ascii::is_control)) {
    return invalid_arguments("ORCPT stands for a control character");
  }
  orcpt.append(type).append(";").append(normal_xtext(address));
  return {};
}

constexpr ParameterRule<RcptDraft> kParameters[] = {
    {"NOTIFY", {Extension::kDsn}, apply_notify},
    {"ORCPT", {Extension::kDsn}, apply_orcpt},
};

}  // namespace

Parse<RcptCommand> parse_rcpt(std::string_view arguments, ExtensionSet offered, bool smtputf8) {
  if (!take_label(arguments, "TO:")) return invalid_arguments("RCPT wants TO:<address>");
  auto path = parse_forward_path(arguments, smtputf8);
  if (!path) {
    const bool needs_utf8 = !smtputf8 && parse_forward_path(arguments, true).has_value();
    return bad_path(kBadForwardPath, "forward-path", needs_utf8, path.error());
  }
  RcptReading reading{.offered = offered, .command = {}};
  reading.command.forward_path = std::move(path->value);
  reading.command.smtputf8 = smtputf8;
  const auto applied = apply_parameters<RcptDraft>("RCPT", path->rest, kParameters, reading);
  if (!applied) return std::unexpected(applied.error());
  return static_cast<RcptCommand&&>(reading.command);
}

}  // namespace sallyport::smtp
