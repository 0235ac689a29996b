// [[limit]]: limits by any key, each of several windows.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "proxy/config/forms.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kDayOfUtc = "UTC";
constexpr std::size_t kMostWindows = 8;

constexpr auto kKeys = std::to_array<std::pair<std::string_view, LimitKey>>(
    {{"user", LimitKey::kUser},
     {"group", LimitKey::kGroup},
     {"network", LimitKey::kNetwork},
     {"listener", LimitKey::kListener},
     {"sender_domain", LimitKey::kSenderDomain},
     {"recipient_domain", LimitKey::kRecipientDomain},
     {"process", LimitKey::kProcess}});

/// What `key` says: a word for kind, or a text with labels.
struct Key {
  LimitKey kind = LimitKey::kUser;
  std::string labels;
};

/// Is it text with at least one `{name}`, and no brace that is none?
bool is_template(std::string_view text) {
  bool names_one = false;
  while (!text.empty()) {
    const std::size_t open = text.find_first_of("{}");
    if (open == text.npos) break;
    const std::size_t close = text.find_first_of("{}", open + 1);
    if (text[open] != '{' || close == text.npos || text[close] != '}' || close == open + 1) {
      return false;
    }
    names_one = true;
    text.remove_prefix(close + 1);
  }
  return names_one;
}

Form<Key> key_form() {
  std::vector<std::string_view> words;
  words.reserve(kKeys.size());
  for (const auto& [word, kind] : kKeys) words.push_back(word);
  return {.expected = list(words, '"', "or") +
                      ", or a text with labels of the user in it, such as \"{namespace}\"",
          .read = [](const Node& node) -> std::expected<Key, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (!text) return std::unexpected("");
            for (const auto& [word, kind] : kKeys) {
              if (word == *text) return Key{.kind = kind, .labels = {}};
            }
            if (!is_template(*text)) return std::unexpected("");
            return Key{.kind = LimitKey::kLabels, .labels = *text};
          }};
}

/// One rate, or an array of them.
Form<std::vector<Window>> windows_form(bool sizes) {
  const auto one = [sizes](const Node& node) -> std::optional<Window> {
    const auto* text = std::get_if<std::string>(&node.value);
    if (!text) return std::nullopt;
    const auto window = parse_window(*text, sizes);
    return window ? std::optional(*window) : std::nullopt;
  };
  return {.expected = fmt::format(
              "a rate such as {}, or an array of 1 to {} of them",
              sizes ? "\"100 MB/hour\" or \"1 GiB/day UTC\"" : "\"100/minute\" or \"5000/day UTC\"",
              kMostWindows),
          .read = [one](const Node& node) -> std::expected<std::vector<Window>, std::string> {
            const auto* array = std::get_if<Array>(&node.value);
            if (!array) {
              const auto window = one(node);
              if (!window) return std::unexpected("");
              return std::vector{*window};
            }
            if (array->empty() || array->size() > kMostWindows) {
              return std::unexpected(fmt::format("it has {} elements", array->size()));
            }
            std::vector<Window> windows;
            windows.reserve(array->size());
            for (const Node& element : *array) {
              const auto window = one(element);
              if (!window) return std::unexpected(fmt::format("it holds {}", describe(element)));
              windows.push_back(*window);
            }
            return windows;
          }};
}

LimitRule read_rule(const Section& section, Names& names) {
  LimitRule rule;
  if (section.require("name", rule.name, text_form("a name of your choice"))) {
    names.take(section, "name", rule.name);
  }
  Key key;
  if (section.require("key", key, key_form())) {
    rule.key = key.kind;
    rule.labels = std::move(key.labels);
  }
  section.read("messages", rule.messages, windows_form(false));
  section.read("recipients", rule.recipients, windows_form(false));
  section.read("bytes", rule.bytes, windows_form(true));
  if (!section.has("messages") && !section.has("recipients") && !section.has("bytes")) {
    section.missing("messages", "at least one of messages, recipients and bytes");
  }
  section.read("mode", rule.observe, choice_form<bool>({{"enforce", false}, {"observe", true}}));
  section.read("charge", rule.attempted,
               choice_form<bool>({{"accepted", false}, {"attempted", true}}));
  return rule;
}

}  // namespace

Result<Window> parse_window(std::string_view text, bool sizes) {
  const bool calendar = text.ends_with(kDayOfUtc);
  if (!calendar) {
    const auto rate = parse_rate(text, sizes);
    if (!rate) return fail(rate.error());
    return Window{.rate = *rate};
  }
  text.remove_suffix(kDayOfUtc.size());
  const std::size_t end = text.find_last_not_of(' ');
  // A blank stands between the rate and UTC.
  const auto rate = end == text.npos || end + 1 == text.size()
                        ? Result<Rate>(fail(ErrorCode::kInvalid, ""))
                        : parse_rate(text.substr(0, end + 1), sizes);
  if (!rate || rate->period != std::chrono::days(1) || text.contains("burst")) {
    return fail(ErrorCode::kInvalid, "expected a rate such as \"5000/day UTC\"");
  }
  return Window{.rate = *rate, .calendar = true};
}

void read_limit_rules(const Section& top, Config& config) {
  Names names;
  for (const Section& section : top.tables("limit", schema::kLimit)) {
    config.limit_rules.push_back(read_rule(section, names));
  }
}

}  // namespace sallyport::config
