// The parameters of MAIL and RCPT: RFC 5321 section 4.1.2, esmtp-param. Used inside this room only.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/ascii.h"
#include "proxy/smtp/command.h"
#include "proxy/smtp/extensions.h"

namespace sallyport::smtp {

/// `keyword` or `keyword=value`; views the command line.
struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

/// Takes the next parameter, with the spaces before it, off the front of `text`, which is not
/// empty. What breaks the grammar is refused with 501 5.5.4. Values may go beyond ASCII, as RFC
/// 6531 section 3.3 lets them; who reads one looks whether it may.
Parse<Parameter> take_parameter(std::string_view& text);

/// The refusal of arguments that break the grammar: 501 5.5.4.
std::unexpected<Reply> invalid_arguments(std::string text);
/// The refusal of a path. `needs_utf8`: it is only refused for being beyond ASCII, for which RFC
/// 6531 section 3.5 has a code of its own, 553 5.6.7; otherwise 501 with `status`.
std::unexpected<Reply> bad_path(EnhancedCode status, std::string_view which, bool needs_utf8,
                                const Error& error);
/// Takes `FROM:` or `TO:` and the spaces after it, which RFC 5321 forbids and many clients send.
bool take_label(std::string_view& arguments, std::string_view label);

/// The refusals that all parameters share; `command` is "MAIL" or "RCPT".
Reply unknown_parameter(std::string_view command, std::string_view keyword);
Reply repeated_parameter(std::string_view command, std::string_view keyword);

/// A command while it is read.
template <class Command>
struct Reading {
  ExtensionSet offered;  ///< What the client may use.
  Command command;
};

/// What to do with one keyword's value: a row of the table of a command. Where none of the
/// extensions that know the keyword is offered, the keyword is unknown.
template <class Command>
struct ParameterRule {
  std::string_view keyword;
  ExtensionSet extensions;
  Parse<void> (*apply)(const Parameter& parameter, Reading<Command>& reading);
};

/// Reads all parameters in `text` into a command by the rules of a table of at most 32 rows.
template <class Command>
Parse<void> apply_parameters(std::string_view verb, std::string_view text,
                             std::span<const ParameterRule<Command>> rules,
                             Reading<Command>& reading) {
  unsigned seen = 0;
  while (!text.empty()) {
    const auto parameter = take_parameter(text);
    if (!parameter) return std::unexpected(parameter.error());
    std::size_t row = 0;
    while (row < rules.size() &&
           !ascii::equals_ignoring_case(rules[row].keyword, parameter->keyword)) {
      ++row;
    }
    if (row == rules.size() || !reading.offered.has_any_of(rules[row].extensions)) {
      return std::unexpected(unknown_parameter(verb, parameter->keyword));
    }
    if ((seen >> row & 1u) != 0)
      return std::unexpected(repeated_parameter(verb, parameter->keyword));
    seen |= 1u << row;
    if (auto applied = rules[row].apply(*parameter, reading); !applied) return applied;
  }
  return {};
}

}  // namespace sallyport::smtp
