#include "proxy/config/tree.h"

// Our deepest value is three levels down; the limit keeps toml++'s recursion far from the stack's
// end.
#define TOML_MAX_NESTED_VALUES 16
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_HEADER_ONLY 1
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace sallyport::config {
namespace {

constexpr std::size_t kLargestText = 16u << 20;
constexpr std::size_t kMostKeyParts = 16;

Place place_of(const toml::source_position& position) { return {position.line, position.column}; }

/// Walks over a document just far enough to tell strings and comments from the rest. toml++ limits
/// how deep values nest but not how many parts a dotted key has, and it destroys what it built
/// recursively: this finds the first key with too many parts.
class DottedKeyScanner {
 public:
  explicit DottedKeyScanner(std::string_view text) : text_(text) {}

  std::optional<Place> first_too_deep() {
    std::size_t dots = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"' || c == '\'') {
        skip_string(c);
      } else {
        if (c == '.' && ++dots >= kMostKeyParts) return place();
        if (c == '\n' || c == '=' || c == ',' || c == '[' || c == '{') dots = 0;
        ++at_;
      }
    }
    return std::nullopt;
  }

 private:
  void skip_string(char quote) {
    const std::string three(3, quote);
    if (text_.substr(at_, 3) != three) {
      for (++at_; at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n'; ++at_) {
        if (quote == '"' && text_[at_] == '\\') ++at_;
      }
      ++at_;
      return;
    }
    for (at_ += 3; at_ < text_.size() && text_.substr(at_, 3) != three; ++at_) {
      if (quote == '"' && text_[at_] == '\\') ++at_;
    }
    at_ += 3;
    // Up to two quotes may stand right before the closing three.
    while (at_ < text_.size() && text_[at_] == quote) ++at_;
  }

  Place place() const {
    const std::string_view before = text_.substr(0, at_);
    const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
    return {static_cast<std::uint32_t>(std::ranges::count(before, '\n') + 1),
            static_cast<std::uint32_t>(at_ - line_begin + 1)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// toml++'s reason without its habit of quoting what it saw: that may be an unquoted password.
std::string reason(std::string_view description) {
  constexpr std::string_view kUnrepresentable = "' is not representable in 64 bits";
  constexpr std::string_view kUninterpretable = "' could not be interpreted as a value";
  constexpr std::string_view kTooDeep = "exceeded maximum nested value depth";
  if (description.ends_with(kUnrepresentable))
    return "not valid TOML: the number needs more than 64 bits";
  if (description.ends_with(kUninterpretable)) return "not valid TOML: expected a number";
  if (description.contains(kTooDeep)) {
    return fmt::format("values nest too deep; expected at most {} levels", TOML_MAX_NESTED_VALUES);
  }
  if (description.contains("could not determine value type")) {
    return "not valid TOML: expected a value: \"text\", a number, true, false, [array] or {table}";
  }
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
  description = description.substr(0, description.find(", saw "));
  const std::size_t colon = description.find(": ");
  if (colon == std::string_view::npos) return fmt::format("not valid TOML: {}", description);
  return fmt::format("not valid TOML: in a {}: {}", description.substr(0, colon),
                     description.substr(colon + 2));
}

Node convert(const toml::node& node);

Table convert_table(const toml::table& table) {
  Table converted;
  converted.entries.reserve(table.size());
  for (const auto& [key, value] : table) {
    converted.entries.push_back(
        {std::string(key.str()), place_of(key.source().begin), convert(value)});
  }
  std::ranges::sort(converted.entries, {}, &Entry::place);
  return converted;
}

Node convert(const toml::node& node) {
  Node converted{.place = place_of(node.source().begin), .value = DateOrTime{}};
  if (const auto* text = node.as_string()) {
    converted.value = text->get();
  } else if (const auto* integer = node.as_integer()) {
    converted.value = std::int64_t{integer->get()};
  } else if (const auto* real = node.as_floating_point()) {
    converted.value = double{real->get()};
  } else if (const auto* boolean = node.as_boolean()) {
    converted.value = bool{boolean->get()};
  } else if (const auto* array = node.as_array()) {
    Array elements;
    elements.reserve(array->size());
    for (const auto& element : *array) elements.push_back(convert(element));
    converted.value = std::move(elements);
  } else if (const auto* table = node.as_table()) {
    converted.value = convert_table(*table);
  }
  return converted;
}

}  // namespace

const Node* Table::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  return found == entries.end() ? nullptr : &found->value;
}

std::expected<Node, SyntaxError> parse_toml(std::string_view text) {
  if (text.size() > kLargestText) {
    return std::unexpected(SyntaxError{
        {}, fmt::format("holds {} octets; expected at most {}", text.size(), kLargestText)});
  }
  if (const auto place = DottedKeyScanner(text).first_too_deep()) {
    return std::unexpected(SyntaxError{
        *place,
        fmt::format("a dotted key has too many parts; expected at most {}", kMostKeyParts)});
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return std::unexpected(
        SyntaxError{place_of(error.source().begin), reason(error.description())});
  }
  return Node{.place = {1, 1}, .value = convert_table(parsed.table())};
}

}  // namespace sallyport::config
