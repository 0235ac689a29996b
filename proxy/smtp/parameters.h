// The parameters of MAIL and RCPT: RFC 5321 section 4.1.2, esmtp-param. Used inside this room only.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/ascii.h"
#include "proxy/smtp/command.h"

namespace sallyport::smtp {

/// `keyword` or `keyword=value`; views the command line.
struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

/// Takes the next parameter, with the spaces before it, off the front of `text`, which is not
/// empty. What breaks the grammar is refused with 501 5.5.4.
Parse<Parameter> take_parameter(std::string_view& text);

/// The refusals that all parameters share; `command` is "MAIL" or "RCPT".
Reply unknown_parameter(std::string_view command, std::string_view keyword);
Reply repeated_parameter(std::string_view command, std::string_view keyword);

/// What to do with one keyword's value: a row of the table of a command.
template <class Command>
struct ParameterRule {
  std::string_view keyword;
  Parse<void> (*apply)(const Parameter& parameter, Command& command);
};

/// Reads all parameters in `text` into `command` by the rules of a table of at most 32 rows.
template <class Command>
Parse<void> apply_parameters(std::string_view verb, std::string_view text,
                             std::span<const ParameterRule<Command>> rules, Command& command) {
  unsigned seen = 0;
  while (!text.empty()) {
    const auto parameter = take_parameter(text);
    if (!parameter) return std::unexpected(parameter.error());
    std::size_t row = 0;
    while (row < rules.size() &&
           !ascii::equals_ignoring_case(rules[row].keyword, parameter->keyword)) {
      ++row;
    }
    if (row == rules.size()) return std::unexpected(unknown_parameter(verb, parameter->keyword));
    if ((seen >> row & 1u) != 0)
      return std::unexpected(repeated_parameter(verb, parameter->keyword));
    seen |= 1u << row;
    if (auto applied = rules[row].apply(*parameter, command); !applied) return applied;
  }
  return {};
}

}  // namespace sallyport::smtp
