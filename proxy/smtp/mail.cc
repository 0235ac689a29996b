// MAIL and its parameters.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"
#include "proxy/smtp/command.h"
#include "proxy/smtp/parameters.h"
#include "proxy/smtp/xtext.h"

namespace sallyport::smtp {
namespace {

using MailReading = Reading<MailCommand>;

constexpr EnhancedCode kBadReversePath{5, 1, 7};
constexpr std::size_t kMostEnvid = 100;  // RFC 3461 section 4.4

std::string_view text_of(const Parameter& parameter) { return parameter.value.value_or(""); }

/// SMTPUTF8 and REQUIRETLS say it all by being there.
Parse<void> expect_no_value(const Parameter& parameter) {
  if (!parameter.value) return {};
  return invalid_arguments(fmt::format("{} takes no value", parameter.keyword));
}

/// RFC 1870 section 5: size-value is 1*20DIGIT.
Parse<void> apply_size(const Parameter& parameter, MailReading& reading) {
  const std::string_view digits = text_of(parameter);
  if (digits.empty() || digits.size() > 20 || !std::ranges::all_of(digits, ascii::is_digit)) {
    return invalid_arguments("SIZE wants a number of at most 20 digits");
  }
  std::uint64_t size = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (parsed.ec != std::errc()) {
    return std::unexpected(Reply(552, {5, 3, 4}, "No message can be as big as SIZE says"));
  }
  reading.command.parameters.size = size;
  return {};
}

/// RFC 6152 section 2; RFC 3030 section 3 adds a third value.
Parse<void> apply_body(const Parameter& parameter, MailReading& reading) {
  const std::string_view value = text_of(parameter);
  const bool binary = reading.offered.has(Extension::kBinarymime);
  BodyType& body = reading.command.parameters.body;
  if (ascii::equals_ignoring_case(value, "7BIT")) {
    body = BodyType::k7bit;
  } else if (ascii::equals_ignoring_case(value, "8BITMIME")) {
    body = BodyType::k8bitmime;
  } else if (binary && ascii::equals_ignoring_case(value, "BINARYMIME")) {
    body = BodyType::kBinarymime;
  } else {
    return invalid_arguments(binary ? "BODY is 7BIT, 8BITMIME or BINARYMIME"
                                    : "BODY is 7BIT or 8BITMIME");
  }
  return {};
}

/// RFC 6531 section 3.4.
Parse<void> apply_smtputf8(const Parameter& parameter, MailReading& reading) {
  reading.command.parameters.smtputf8 = true;
  return expect_no_value(parameter);
}

/// RFC 8689 section 2.
Parse<void> apply_requiretls(const Parameter& parameter, MailReading& reading) {
  reading.command.parameters.require_tls = true;
  return expect_no_value(parameter);
}

/// RFC 3461 section 4.3.
Parse<void> apply_ret(const Parameter& parameter, MailReading& reading) {
  auto& ret = reading.command.parameters.ret;
  if (ascii::equals_ignoring_case(text_of(parameter), "FULL")) {
    ret = Ret::kFull;
  } else if (ascii::equals_ignoring_case(text_of(parameter), "HDRS")) {
    ret = Ret::kHeaders;
  } else {
    return invalid_arguments("RET is FULL or HDRS");
  }
  return {};
}

/// RFC 3461 section 4.4: at most 100 characters before they were encoded, all of them printable.
/// `ENVID=` with nothing behind it is what some gateways say when they have none: not said.
Parse<void> apply_envid(const Parameter& parameter, MailReading& reading) {
  if (!parameter.value) return invalid_arguments("ENVID wants a value");
  const std::string_view xtext = *parameter.value;
  const auto envid = decode_xtext(xtext);
  if (!envid) return invalid_arguments("ENVID is not xtext: " + envid.error().text);
  if (envid->size() > kMostEnvid) {
    return invalid_arguments("ENVID is longer than 100 characters");
  }
  const auto is_printable = [](char c) { return c >= ' ' && c < 0x7f; };
  if (!std::ranges::all_of(*envid, is_printable)) {
    return invalid_arguments("ENVID stands for an octet that is not printable ASCII");
  }
  reading.command.parameters.envid = normal_xtext(xtext);
  return {};
}

/// RFC 4954 section 5: the mailbox of whoever submitted the message first, or "<>", for which some
/// clients say nothing.
Parse<void> apply_auth(const Parameter& parameter, MailReading& reading) {
  if (!parameter.value) return invalid_arguments("AUTH wants a mailbox or <>");
  const std::string_view xtext = parameter.value->empty() ? "<>" : *parameter.value;
  const auto address = decode_xtext(xtext);
  if (!address) return invalid_arguments("AUTH is not xtext: " + address.error().text);
  if (*address != "<>") {
    const auto mailbox = parse_mailbox(*address, /*allow_utf8=*/true);
    if (!mailbox)
      return invalid_arguments("AUTH is no mailbox and not <>: " + mailbox.error().text);
  }
  reading.command.parameters.auth = normal_xtext(xtext);
  return {};
}

/// RFC 6710 section 5: priority-value = (["-"] NZDIGIT) / "0"
Parse<void> apply_mt_priority(const Parameter& parameter, MailReading& reading) {
  std::string_view digit = text_of(parameter);
  const bool negative = digit.starts_with('-');
  if (negative) digit.remove_prefix(1);
  if (digit.size() != 1 || !ascii::is_digit(digit.front()) || (negative && digit == "0")) {
    return invalid_arguments("MT-PRIORITY is a number from -9 to 9");
  }
  const auto priority = static_cast<std::int8_t>(digit.front() - '0');
  reading.command.parameters.mt_priority =
      negative ? static_cast<std::int8_t>(-priority) : priority;
  return {};
}

constexpr ParameterRule<MailCommand> kParameters[] = {
    {"SIZE", {Extension::kSize}, apply_size},
    {"BODY", {Extension::k8bitmime}, apply_body},
    {"SMTPUTF8", {Extension::kSmtputf8}, apply_smtputf8},
    {"RET", {Extension::kDsn}, apply_ret},
    {"ENVID", {Extension::kDsn}, apply_envid},
    {"REQUIRETLS", {Extension::kRequireTls}, apply_requiretls},
    {"AUTH", {Extension::kAuth}, apply_auth},
    {"MT-PRIORITY", {Extension::kMtPriority}, apply_mt_priority},
};

}  // namespace

Parse<MailCommand> parse_mail(std::string_view arguments, ExtensionSet offered) {
  if (!take_label(arguments, "FROM:")) return invalid_arguments("MAIL wants FROM:<address>");
  // SMTPUTF8 stands behind the path that it is about.
  auto path = parse_reverse_path(arguments, /*allow_utf8=*/true);
  if (!path) return bad_path(kBadReversePath, "reverse-path", false, path.error());
  MailReading reading{
      .offered = offered,
      .command = {.reverse_path = std::move(path->value), .parameters = {}},
  };
  const auto applied = apply_parameters<MailCommand>("MAIL", path->rest, kParameters, reading);
  if (!applied) return std::unexpected(applied.error());
  if (!reading.command.parameters.smtputf8) {
    const auto strict = parse_reverse_path(arguments);
    if (!strict) return bad_path(kBadReversePath, "reverse-path", true, strict.error());
  }
  return std::move(reading.command);
}

}  // namespace sallyport::smtp
