#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/runtime/resolver.h"

namespace sallyport::runtime {
namespace {

constexpr std::string_view kBlank = " \t\r";
// The bounds of glibc (resolv.conf(5)).
constexpr int kMostSeconds = 30;
constexpr int kMostAttempts = 5;

std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kBlank));
  text.remove_prefix(word.size());
  return word;
}

/// N of `NAME:N`, cut to 1..`most`.
std::optional<int> number_of(std::string_view option, std::string_view name, int most) {
  if (!option.starts_with(name)) return std::nullopt;
  option.remove_prefix(name.size());
  int number = 0;
  const auto [end, error] = std::from_chars(option.data(), option.data() + option.size(), number);
  if (error != std::errc{} || end != option.data() + option.size()) return std::nullopt;
  return std::clamp(number, 1, most);
}

void take_options(std::string_view options, ResolverSettings& settings) {
  for (std::string_view word = next_word(options); !word.empty(); word = next_word(options)) {
    if (const auto wait = number_of(word, "timeout:", kMostSeconds)) {
      settings.timeout = std::chrono::seconds(*wait);
    }
    if (const auto attempts = number_of(word, "attempts:", kMostAttempts)) {
      settings.attempts = *attempts;
    }
  }
}

}  // namespace

ResolverSettings parse_resolver_settings(std::string_view resolv_conf,
                                         std::string_view environment) {
  ResolverSettings settings;
  while (!resolv_conf.empty()) {
    std::string_view line = resolv_conf.substr(0, resolv_conf.find('\n'));
    resolv_conf.remove_prefix(std::min(line.size() + 1, resolv_conf.size()));
    if (next_word(line) == "options") take_options(line, settings);
  }
  take_options(environment, settings);
  return settings;
}

ResolverSettings system_resolver_settings() {
  std::ifstream file("/etc/resolv.conf");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const char* const environment = std::getenv("RES_OPTIONS");
  return parse_resolver_settings(text, environment != nullptr ? environment : "");
}

}  // namespace sallyport::runtime
