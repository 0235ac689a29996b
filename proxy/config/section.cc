#include "proxy/config/section.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>
#include <span>
#include <tuple>

#include "proxy/base/ascii.h"
#include "proxy/config/nearest.h"

namespace sallyport::config {
namespace {

constexpr std::size_t kMostShown = 60;
constexpr std::array<std::string_view, 7> kTypeNames = {
    "text",           "an integer", "a decimal number", "true or false",
    "a date or time", "an array",   "a table"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

void Problems::add(Place where, std::string what) {
  problems_.push_back(
      {.file = file_, .line = where.line, .column = where.column, .what = std::move(what)});
}

void Problems::append(std::vector<Problem> others) {
  std::ranges::move(others, std::back_inserter(others_));
}

std::vector<Problem> Problems::take() && {
  // Those of the whole file come last: they often follow from one that has a place. The index keeps
  // the order of those at one place (libstdc++ 12's stable_sort does not compile without a
  // warning).
  using Key = std::tuple<std::uint32_t, std::uint32_t, std::size_t>;
  std::vector<Key> order;
  order.reserve(problems_.size());
  for (std::size_t i = 0; i < problems_.size(); ++i) {
    const std::uint32_t line = problems_[i].line;
    order.emplace_back(line == 0 ? UINT32_MAX : line, problems_[i].column, i);
  }
  std::ranges::sort(order);
  std::vector<Problem> sorted;
  sorted.reserve(problems_.size() + others_.size());
  for (const Key& key : order) sorted.push_back(std::move(problems_[std::get<2>(key)]));
  std::ranges::move(others_, std::back_inserter(sorted));
  return sorted;
}

std::string quote(std::string_view text) {
  const bool shortened = text.size() > kMostShown;
  if (shortened) {
    text = text.substr(0, kMostShown);
    // Not in the middle of a UTF-8 sequence: what is cut off must not leave half a character.
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) {
      text.remove_suffix(1);
    }
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0) text.remove_suffix(1);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.append(1, '\\').append(1, c);
    } else if (ascii::is_control(c)) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + (shortened ? "…\"" : "\"");
}

std::string describe_type(const Node& node) {
  static_assert(std::variant_size_v<decltype(Node::value)> == kTypeNames.size());
  return std::string(kTypeNames.at(node.value.index()));
}

std::string describe(const Node& node) {
  if (const auto* text = std::get_if<std::string>(&node.value)) return quote(*text);
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&node.value)) return fmt::format("{:#}", *real);
  if (const auto* boolean = std::get_if<bool>(&node.value)) return *boolean ? "true" : "false";
  return describe_type(node);
}

Section::Section(const Node& node, std::string path, const Schema& schema, Problems& problems)
    : node_(node), path_(std::move(path)), schema_(schema), problems_(problems) {
  report_unknown_keys();
}

std::string Section::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

std::string Section::path_of(std::string_view key, std::size_t index) const {
  return fmt::format("{}[{}]", path_of(key), index + 1);
}

bool Section::lacks(std::string_view key) const {
  const Node* node = find(key);
  const Array* elements = node ? std::get_if<Array>(&node->value) : nullptr;
  return !node || (elements && elements->empty());
}

const Node* Section::find(std::string_view key) const {
  assert(contains(schema_.keys, key));
  return entries().find(key);
}

Place Section::place_of(std::string_view key) const {
  const Node* node = find(key);
  return node ? node->place : place();
}

void Section::blame(std::string_view key, std::string_view what) const {
  problems_.add(place_of(key), fmt::format("{} {}", path_of(key), what));
}

void Section::missing(std::string_view key, std::string_view expected) const {
  if (contains(misspelt_, key)) return;
  problems_.add(place(), fmt::format("{} is missing; expected {}", path_of(key), expected));
}

std::optional<Section> Section::table(std::string_view key, const Schema& schema) const {
  const Node* node = find(key);
  if (!node) return std::nullopt;
  if (std::holds_alternative<Table>(node->value)) {
    return std::optional<Section>(std::in_place, *node, path_of(key), schema, problems_);
  }
  refuse(*node, path_of(key), false, "", fmt::format("one table: [{}]", path_of(key)));
  return std::nullopt;
}

const Table* Section::open_table(std::string_view key, std::string_view expected) const {
  const Node* node = find(key);
  if (!node) return nullptr;
  const Table* table = std::get_if<Table>(&node->value);
  if (!table) blame(key, fmt::format("is {}; expected {}", describe(*node), expected));
  return table;
}

std::vector<Section> Section::tables(std::string_view key, const Schema& schema) const {
  std::vector<Section> sections;
  const Node* node = find(key);
  if (!node) return sections;
  const std::string expected = fmt::format("tables that each begin with [[{}]]", path_of(key));
  const Array* elements = std::get_if<Array>(&node->value);
  if (!elements) {
    refuse(*node, path_of(key), false, "", expected);
    return sections;
  }
  sections.reserve(elements->size());
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const Node& element = (*elements)[i];
    const std::string path = path_of(key, i);
    if (std::holds_alternative<Table>(element.value)) {
      sections.emplace_back(element, path, schema, problems_);
    } else {
      refuse(element, path, false, "", expected);
    }
  }
  return sections;
}

void Section::refuse(const Node& node, const std::string& path, bool secret,
                     const std::string& reason, const std::string& expected) const {
  const std::string found = secret ? describe_type(node) : describe(node);
  if (reason.empty()) {
    problems_.add(node.place, fmt::format("{} is {}; expected {}", path, found, expected));
  } else if (secret) {
    problems_.add(node.place, fmt::format("{}: {}; expected {}", path, reason, expected));
  } else {
    problems_.add(node.place,
                  fmt::format("{} is {}: {}; expected {}", path, found, reason, expected));
  }
}

const Array* Section::array(std::string_view key, std::string_view expected, bool least_one) const {
  const Node* node = find(key);
  if (!node) return nullptr;
  const Array* elements = std::get_if<Array>(&node->value);
  const std::string wanted = fmt::format("an array; each element {}", expected);
  if (!elements) {
    refuse(*node, path_of(key), false, "", wanted);
    return nullptr;
  }
  if (least_one && elements->empty()) {
    problems_.add(node->place,
                  fmt::format("{} is an empty array; expected at least one element, each {}",
                              path_of(key), expected));
  }
  return elements;
}

void Section::report_unknown_keys() {
  for (const Entry& entry : entries().entries) {
    if (contains(schema_.keys, entry.key)) continue;
    const std::string quoted = quote(entry.key);
    const std::string unknown =
        fmt::format("unknown key '{}' {} {}", quoted.substr(1, quoted.size() - 2),
                    path_.empty() ? "at" : "in", schema_.name);
    if (const auto meant = nearest(entry.key, schema_.keys)) {
      misspelt_.push_back(*meant);
      problems_.add(entry.place, fmt::format("{}; did you mean '{}'?", unknown, *meant));
    } else if (!path_.empty() && contains(schema::keys::kTop, entry.key)) {
      // TOML's classic: a key below a [table] belongs to that table.
      problems_.add(
          entry.place,
          fmt::format("{}; it belongs at the top level, above the first [table]", unknown));
    } else {
      problems_.add(entry.place,
                    fmt::format("{}; expected {}", unknown, list(schema_.keys, '\'', "or")));
    }
  }
}

}  // namespace sallyport::config
