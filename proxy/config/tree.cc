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
#include <array>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"

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

struct Rewording {
  std::string_view theirs;  ///< What toml++'s description contains.
  std::string_view ours;
};

constexpr auto kRewordings = std::to_array<Rewording>({
    {"is not representable in 64 bits", "not valid TOML: the number needs more than 64 bits"},
    {"could not be interpreted as a value", "not valid TOML: expected a number"},
    {"could not determine value type",
     "not valid TOML: expected a value: \"text\", a number, true, false, [array] or {table}"},
    {"exceeded maximum nested value depth", "values nest too deep; expected at most 16 levels"},
    {"utf-8", "not valid UTF-8; expected a text file in that encoding"},
    {"control characters other than TAB",
     "not valid TOML: text holds a line break or control character; expected its closing quote "
     "before it"},
});

void replace(std::string& text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), by);
}

/// toml++'s reason without its habit of quoting what it saw: that may be an unquoted password.
std::string reason(std::string_view description) {
  for (const Rewording& rewording : kRewordings) {
    if (description.contains(rewording.theirs)) return std::string(rewording.ours);
  }
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
  std::string text = "not valid TOML: in the ";
  text += description.substr(0, description.find(", saw "));
  replace(text, "in the root table: ", "");
  replace(text, "encountered end-of-file", "the file ends too early");
  if (text.contains("cannot redefine existing")) text += "; expected it once";
  // Keys are quoted in it, and they may hold anything.
  std::ranges::replace_if(text, ascii::is_control, '?');
  return text;
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
