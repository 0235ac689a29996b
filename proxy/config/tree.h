// A TOML document as plain values that remember where they stood. What reads a config works on
// these; toml++ itself stays in tree.cc, so that its slow header is compiled once and no type of it
// gets out.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/config/place.h"

namespace sallyport::config {

struct Node;
struct Entry;

/// A TOML date, time or both: no key of ours takes one, so only the fact is kept.
struct DateOrTime {};

/// Elements in the order of the file.
using Array = std::vector<Node>;

/// Keys with their values, in the order of the file.
struct Table {
  std::vector<Entry> entries;

  /// The value of `key`, or nullptr.
  const Node* find(std::string_view key) const;
};

/// One value and where it begins. A table made by a header begins at the header.
struct Node {
  Place place;
  std::variant<std::string, std::int64_t, double, bool, DateOrTime, Array, Table> value;
};

/// One key of a table; `place` is that of the key.
struct Entry {
  std::string key;
  Place place;
  Node value;
};

/// Why a text is no TOML document, and where it stops being one.
struct SyntaxError {
  Place place;
  std::string what;  ///< Never quotes more of the text than a key: the rest may be a secret.
};

/// Reads a TOML 1.0 document. Texts past 16 MiB and values nested deeper than any config needs are
/// refused, so no input can exhaust the stack.
std::expected<Node, SyntaxError> parse_toml(std::string_view text);

}  // namespace sallyport::config
