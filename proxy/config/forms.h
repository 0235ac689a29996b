// The forms that config values take: for each what was expected, in words, and how it is read.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/nearest.h"
#include "proxy/config/section.h"

namespace sallyport::config {

/// Text that is not empty and holds no control characters; `expected` says what it is for.
Form<std::string> text_form(std::string expected);
/// The path of a file or folder. Relative ones are relative to the folder of the config file.
Form<std::string> path_form(std::string expected, const std::string& config_file);
/// A URL without a user name: https, or also http where that may be.
Form<std::string> url_form(std::string expected, bool may_be_http);
/// A name as EHLO takes it.
Form<std::string> domain_form();
/// A host to connect to: a name or an IP address.
Form<std::string> host_form();
Form<bool> boolean_form();
Form<Endpoint> endpoint_form();
Form<AddressPattern> pattern_form();
/// A network of IP addresses, or one address.
Form<IpNetwork> network_form();
/// A duration within a range.
Form<milliseconds> duration_form(milliseconds least, milliseconds most);
/// A size within a range: text with a unit, or an integer number of octets.
Form<std::uint64_t> size_form(std::uint64_t least, std::uint64_t most);
/// A rate, or "unlimited".
Form<std::optional<Rate>> rate_form(bool sizes);
/// A number of connections, or "unlimited".
Form<std::optional<std::uint32_t>> connections_form();

/// The integer in `node` if it is one from `least` to `most`.
std::expected<std::int64_t, std::string> integer_in(const Node& node, std::int64_t least,
                                                    std::int64_t most);

/// An integer within a range.
template <class T>
Form<T> integer_form(T least, T most) {
  return {.expected = "an integer from " + std::to_string(least) + " to " + std::to_string(most),
          .read = [least, most](const Node& node) -> std::expected<T, std::string> {
            const auto value = integer_in(node, least, most);
            if (!value) return std::unexpected(value.error());
            return static_cast<T>(*value);
          }};
}

/// One of a few words, each standing for a value.
template <class T>
Form<T> choice_form(std::vector<std::pair<std::string_view, T>> choices) {
  std::vector<std::string_view> words;
  words.reserve(choices.size());
  for (const auto& choice : choices) words.push_back(choice.first);
  return {
      .expected = list(words, '"', "or"),
      .read = [choices = std::move(choices)](const Node& node) -> std::expected<T, std::string> {
        const auto* text = std::get_if<std::string>(&node.value);
        if (!text) return std::unexpected("");
        for (const auto& [word, value] : choices) {
          if (word == *text) return value;
        }
        return std::unexpected("");
      }};
}

}  // namespace sallyport::config
