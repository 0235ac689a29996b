// "Did you mean …?": which known name a misspelt one is nearest to.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::config {

/// How many letters must be inserted, left out, replaced or swapped with their neighbour to make
/// `a` into `b`, without touching a place twice (Damerau-Levenshtein, optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name nearest to `wrong` but for ASCII case, if it is near enough to be what was meant; of
/// equally near ones the first.
std::optional<std::string_view> nearest(std::string_view wrong,
                                        std::span<const std::string_view> names);

/// `quoted names in a list, the last with "conjunction"`: 'a', 'b' or 'c', each within `quote`.
std::string list(std::span<const std::string_view> names, char quote, std::string_view conjunction);

}  // namespace sallyport::config
