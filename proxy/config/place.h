// Where something stands in a file of the configuration.
#pragma once

#include <compare>
#include <cstdint>

namespace sallyport::config {

/// A position in a file, both from 1; line 0 means that no place is to blame.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;  ///< In code points.

  auto operator<=>(const Place&) const = default;
};

/// The place of a setting, kept for messages about what it names. Part of no comparison: two
/// settings that differ only in where they stand are equal.
struct Origin {
  Place place;

  bool operator==(const Origin&) const { return true; }
};

}  // namespace sallyport::config
