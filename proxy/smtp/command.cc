#include "proxy/smtp/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"
#include "proxy/smtp/domain.h"
#include "proxy/smtp/parameters.h"

namespace sallyport::smtp {
namespace {

struct VerbName {
  Verb verb;
  std::string_view name;
};

constexpr VerbName kVerbs[] = {
    {Verb::kEhlo, "EHLO"}, {Verb::kHelo, "HELO"}, {Verb::kStarttls, "STARTTLS"},
    {Verb::kAuth, "AUTH"}, {Verb::kMail, "MAIL"}, {Verb::kRcpt, "RCPT"},
    {Verb::kData, "DATA"}, {Verb::kBdat, "BDAT"}, {Verb::kRset, "RSET"},
    {Verb::kNoop, "NOOP"}, {Verb::kVrfy, "VRFY"}, {Verb::kExpn, "EXPN"},
    {Verb::kHelp, "HELP"}, {Verb::kQuit, "QUIT"},
};

bool is_mechanism_octet(char c) { return ascii::is_alnum(c) || c == '-' || c == '_'; }

bool is_base64_octet(char c) { return ascii::is_alnum(c) || c == '+' || c == '/' || c == '='; }

/// What may stand in a Received field without quotes or changing its structure: atext, dots, and
/// the colons of an address that some clients say without its brackets.
bool is_trace_octet(char c) {
  return ascii::is_alnum(c) || (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~.:").contains(c));
}

/// An address literal as it should have been said: `[2001:db8::25]` lacks its tag. Nullopt if
/// `name` is none.
std::optional<std::string> address_literal(std::string_view name) {
  if (check_address_literal(name)) return std::string(name);
  if (!name.starts_with('[')) return std::nullopt;
  std::string tagged = "[IPv6:";
  tagged += name.substr(1);
  if (!check_address_literal(tagged)) return std::nullopt;
  return tagged;
}

/// `name` with a "?" for each character, in UTF-8 or not, that is no octet of a trace field.
std::string fit_for_trace(std::string_view name) {
  std::string fit;
  fit.reserve(name.size());
  while (!name.empty()) {
    fit += is_trace_octet(name.front()) ? name.front() : '?';
    name.remove_prefix(std::max<std::size_t>(utf8::sequence(name), 1));
  }
  return fit;
}

constexpr std::string_view kBdat = "BDAT";

/// The verb is BDAT, but not one that can be read: a tab or a control stands behind it.
bool is_broken_bdat(std::string_view word) {
  return word.size() > kBdat.size() && !ascii::is_alnum(word[kBdat.size()]) &&
         ascii::equals_ignoring_case(word.substr(0, kBdat.size()), kBdat);
}

}  // namespace

std::string_view name(Verb verb) {
  const auto row = std::ranges::find(kVerbs, verb, &VerbName::verb);
  return row == std::end(kVerbs) ? "UNKNOWN" : row->name;
}

CommandLine split_command(std::string_view line) {
  // RFC 5321 section 4.1.1: white space before the CRLF is to be tolerated.
  while (!line.empty() && ascii::is_wsp(line.back())) line.remove_suffix(1);
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  if (is_broken_bdat(word)) return {.verb = Verb::kBdat, .arguments = line.substr(kBdat.size())};
  const auto row = std::ranges::find_if(
      kVerbs, [&](const VerbName& known) { return ascii::equals_ignoring_case(known.name, word); });
  return {.verb = row == std::end(kVerbs) ? Verb::kUnknown : row->verb,
          .arguments = space == line.npos ? std::string_view() : line.substr(space + 1)};
}

Parse<std::string> parse_ehlo(std::string_view arguments) {
  // RFC 2034 section 4: replies to EHLO and HELO carry no enhanced status code.
  const auto refused = [](std::string text) {
    return std::unexpected(Reply(501, std::move(text)));
  };
  const std::string_view name = ascii::trim(arguments);
  if (name.empty()) return refused("EHLO and HELO want the name of the client");
  if (name.size() > kMaxDomain) return refused("The name is longer than 255 octets");
  if (const auto wrong = std::ranges::find_if(name, ascii::is_control); wrong != name.end()) {
    return refused(fmt::format("Bad name: it has {}, which is not allowed", show_octet(*wrong)));
  }
  if (auto literal = address_literal(name)) return *std::move(literal);
  return fit_for_trace(name);
}

Parse<AuthCommand> parse_auth(std::string_view arguments) {
  const std::size_t space = arguments.find(' ');
  const std::string_view mechanism = arguments.substr(0, space);
  if (mechanism.empty()) return invalid_arguments("AUTH wants the name of a mechanism");
  // RFC 4422 section 3.1: sasl-mech = 1*20mech-char
  if (mechanism.size() > 20 || !std::ranges::all_of(mechanism, is_mechanism_octet)) {
    return invalid_arguments(
        "AUTH wants a mechanism's name of at most 20 letters, digits, '-' and '_'");
  }
  AuthCommand command{.mechanism = std::string(mechanism), .initial_response = std::nullopt};
  std::ranges::transform(command.mechanism, command.mechanism.begin(), ascii::to_upper);
  if (space == arguments.npos) return command;

  const std::string_view response = arguments.substr(space + 1);
  if (response.contains(' ')) {
    return invalid_arguments("AUTH wants a mechanism and at most one initial response");
  }
  if (response.empty() || !std::ranges::all_of(response, is_base64_octet)) {
    // RFC 4954 section 4: a client argument that is not base64 is 501, with 5.5.2.
    return std::unexpected(Reply(501, {5, 5, 2}, "The initial response of AUTH is not base64"));
  }
  command.initial_response = std::string(response);
  return command;
}

Parse<BdatCommand> parse_bdat(std::string_view arguments) {
  const std::size_t space = arguments.find(' ');
  const std::string_view digits = arguments.substr(0, space);
  BdatCommand command;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), command.size);
  if (digits.empty() || !std::ranges::all_of(digits, ascii::is_digit) || parsed.ec != std::errc()) {
    return invalid_arguments("BDAT wants the number of octets that follow");
  }
  if (space == arguments.npos) return command;
  if (!ascii::equals_ignoring_case(arguments.substr(space + 1), "LAST")) {
    return invalid_arguments("Only LAST can stand behind the number of octets of BDAT");
  }
  command.last = true;
  return command;
}

Parse<void> parse_no_arguments(std::string_view arguments) {
  if (arguments.empty()) return {};
  return invalid_arguments("This command takes no arguments");
}

}  // namespace sallyport::smtp
