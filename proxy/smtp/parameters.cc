#include "proxy/smtp/parameters.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/smtp/domain.h"

namespace sallyport::smtp {
namespace {

/// esmtp-value = 1*(%d33-60 / %d62-126), to which RFC 6531 section 3.3 adds UTF8-non-ascii. Whether
/// an empty value will do is for the parameter to say.
bool is_value_octet(char c) {
  return (c > ' ' && c < 0x7f && c != '=') || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::unexpected<Reply> invalid_arguments(std::string text) {
  return std::unexpected(Reply(501, {5, 5, 4}, std::move(text)));
}

std::unexpected<Reply> bad_path(EnhancedCode status, std::string_view which, bool needs_utf8,
                                const Error& error) {
  std::string text = fmt::format("Bad {}: {}", which, error.text);
  return std::unexpected(needs_utf8 ? Reply(553, {5, 6, 7}, std::move(text))
                                    : Reply(501, status, std::move(text)));
}

bool take_label(std::string_view& arguments, std::string_view label) {
  if (!ascii::starts_with_ignoring_case(arguments, label)) return false;
  arguments.remove_prefix(label.size());
  arguments.remove_prefix(std::min(arguments.find_first_not_of(' '), arguments.size()));
  return true;
}

Parse<Parameter> take_parameter(std::string_view& text) {
  if (!text.starts_with(' ')) {
    return invalid_arguments(fmt::format("There is {} where a space and a parameter should be",
                                         show_octet(text.front())));
  }
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());

  const std::size_t equals = word.find('=');
  const Parameter parameter{
      .keyword = word.substr(0, equals),
      .value = equals == word.npos ? std::nullopt : std::optional(word.substr(equals + 1))};
  const auto is_keyword_octet = [](char c) { return ascii::is_alnum(c) || c == '-'; };
  if (parameter.keyword.empty() || parameter.keyword.front() == '-' ||
      !std::ranges::all_of(parameter.keyword, is_keyword_octet)) {
    return invalid_arguments("A parameter's name is not made of letters, digits and hyphens");
  }
  if (parameter.value && !std::ranges::all_of(*parameter.value, is_value_octet)) {
    return invalid_arguments(
        fmt::format("The value of {} has an octet that is not allowed", parameter.keyword));
  }
  return parameter;
}

Reply unknown_parameter(std::string_view command, std::string_view keyword) {
  return {555, {5, 5, 4}, fmt::format("{} parameter {} is not known here", command, keyword)};
}

Reply repeated_parameter(std::string_view command, std::string_view keyword) {
  return {501, {5, 5, 4}, fmt::format("{} parameter {} is given twice", command, keyword)};
}

}  // namespace sallyport::smtp
