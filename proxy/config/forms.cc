#include "proxy/config/forms.h"

#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <optional>

#include "proxy/base/ascii.h"
#include "proxy/config/numbers.h"
#include "proxy/config/values.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kExpectedPrefix = "expected ";
constexpr std::uint32_t kMostConnections = 1'000'000;

constexpr std::string_view kUnlimited = "unlimited";

/// The failing half of a form: "is X; expected Y" says it all.
std::unexpected<std::string> not_it() { return std::unexpected(std::string()); }

bool holds_control(std::string_view text) { return std::ranges::any_of(text, ascii::is_control); }

std::expected<std::string, std::string> plain_text(const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (!text) return not_it();
  if (text->empty()) return std::unexpected("it is empty");
  if (holds_control(*text)) return std::unexpected("it holds a control character");
  return *text;
}

/// A form over a parser of text whose own error text adds nothing to `expected`.
template <class T, class Parse>
Form<T> parsed_form(const std::string& expected, Parse parse) {
  return {.expected = expected, .read = [parse](const Node& node) -> std::expected<T, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (!text) return not_it();
            auto value = parse(*text);
            if (!value) return not_it();
            return std::move(*value);
          }};
}

/// What a parser's error expects, without the word.
template <class T>
std::string expectation(const Result<T>& failed) {
  return failed ? std::string() : failed.error().text.substr(kExpectedPrefix.size());
}

}  // namespace

Form<std::string> text_form(std::string expected) {
  return {.expected = std::move(expected), .read = plain_text};
}

Form<std::string> path_form(std::string expected, const std::string& config_file) {
  return {.expected = std::move(expected),
          .read = [config_file](const Node& node) -> std::expected<std::string, std::string> {
            auto path = plain_text(node);
            if (!path || path->starts_with('/')) return path;
            const std::size_t slash = config_file.rfind('/');
            if (slash == std::string::npos) return path;
            return config_file.substr(0, slash + 1) + *path;
          }};
}

Form<std::string> domain_form() {
  return parsed_form<std::string>(
      "a host name such as \"mail.example.com\"", [](const std::string& text) {
        return is_domain(text) && !is_ip_literal(text) ? std::optional(text) : std::nullopt;
      });
}

Form<std::string> host_form() {
  return parsed_form<std::string>(
      "a host name or an IP address without brackets and port",
      [](const std::string& text) -> std::optional<std::string> {
        // The names of container networks hold underscores; no name of a mail domain does.
        // A dot at the end makes it absolute: no search domain is tried.
        std::string name = text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
        std::ranges::replace(name, '_', 'x');
        return is_domain(name) || is_ip_literal(text) ? std::optional(text) : std::nullopt;
      });
}

Form<bool> boolean_form() {
  return {.expected = "true or false",
          .read = [](const Node& node) -> std::expected<bool, std::string> {
            const auto* value = std::get_if<bool>(&node.value);
            if (!value) return not_it();
            return *value;
          }};
}

Form<Endpoint> endpoint_form() {
  return parsed_form<Endpoint>(expectation(parse_endpoint("")), parse_endpoint);
}

Form<AddressPattern> pattern_form() {
  return parsed_form<AddressPattern>(expectation(AddressPattern::parse("")), AddressPattern::parse);
}

Form<IpNetwork> network_form() {
  return {.expected = "a network such as \"10.0.0.0/8\" or \"fd00::/8\", or one IP address",
          .read = [](const Node& node) -> std::expected<IpNetwork, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (!text) return not_it();
            if (const auto network = IpNetwork::parse(*text)) return *network;
            const auto meant = IpNetwork::meant_by(*text);
            if (!meant) return not_it();
            return std::unexpected(fmt::format("it has bits behind its length, where {} has none",
                                               quote(meant->str())));
          }};
}

Form<milliseconds> duration_form(milliseconds least, milliseconds most) {
  return parsed_form<milliseconds>(
      fmt::format("a duration from {} to {}, such as \"30s\" or \"1h30m\"", str(least), str(most)),
      [least, most](const std::string& text) -> std::optional<milliseconds> {
        const auto value = parse_duration(text);
        if (!value || *value < least || *value > most) return std::nullopt;
        return *value;
      });
}

Form<std::uint64_t> size_form(std::uint64_t least, std::uint64_t most) {
  return {.expected = fmt::format("a size from {} to {}, such as \"25 MiB\" or a number of octets",
                                  size_str(least), size_str(most)),
          .read = [least, most](const Node& node) -> std::expected<std::uint64_t, std::string> {
            std::optional<std::uint64_t> size;
            if (const auto* text = std::get_if<std::string>(&node.value)) {
              if (const auto parsed = parse_size(*text)) size = *parsed;
            } else if (const auto* octets = std::get_if<std::int64_t>(&node.value)) {
              if (*octets >= 0) size = static_cast<std::uint64_t>(*octets);
            }
            if (!size || *size < least || *size > most) return not_it();
            return *size;
          }};
}

Form<std::optional<Rate>> rate_form(bool sizes) {
  return parsed_form<std::optional<Rate>>(
      expectation(parse_rate("", sizes)) + ", or \"unlimited\"",
      [sizes](const std::string& text) -> Result<std::optional<Rate>> {
        if (text == kUnlimited) return std::nullopt;
        return parse_rate(text, sizes);
      });
}

Form<std::optional<std::uint32_t>> connections_form() {
  return {.expected = fmt::format("an integer from 1 to {}, or \"unlimited\"", kMostConnections),
          .read = [](const Node& node) -> std::expected<std::optional<std::uint32_t>, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (text && *text == kUnlimited) return std::nullopt;
            const auto number = integer_in(node, 1, kMostConnections);
            if (!number) return not_it();
            return static_cast<std::uint32_t>(*number);
          }};
}

std::expected<std::int64_t, std::string> integer_in(const Node& node, std::int64_t least,
                                                    std::int64_t most) {
  const auto* value = std::get_if<std::int64_t>(&node.value);
  if (!value || *value < least || *value > most) return not_it();
  return *value;
}

Form<std::string> url_form(std::string expected, bool may_be_http) {
  return {.expected = std::move(expected),
          .read = [may_be_http](const Node& node) -> std::expected<std::string, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (!text) return std::unexpected("");
            const bool clean = std::ranges::all_of(*text, [](char c) { return c > 32 && c < 127; });
            std::string_view rest = *text;
            const bool https = rest.starts_with("https://");
            if (!https && !(may_be_http && rest.starts_with("http://"))) return std::unexpected("");
            rest.remove_prefix(rest.find("://") + 3);
            const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
            if (!clean || authority.empty() || authority.contains('@')) return std::unexpected("");
            return *text;
          }};
}

}  // namespace sallyport::config
