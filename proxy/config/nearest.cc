#include "proxy/config/nearest.h"

#include <algorithm>
#include <vector>

#include "proxy/base/ascii.h"

namespace sallyport::config {
namespace {

constexpr std::size_t kLongestName = 64;  // nobody misspells a name into more than that

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the usual table: the distances of every prefix of b from three prefixes of a.
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) current[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(previous);
    previous.swap(current);
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
  }
  return current[b.size()];
}

std::optional<std::string_view> nearest(std::string_view wrong,
                                        std::span<const std::string_view> names) {
  if (wrong.size() > kLongestName) return std::nullopt;
  const std::string lowered = ascii::lower(wrong);
  std::optional<std::string_view> best;
  std::size_t best_distance = 0;
  for (const std::string_view name : names) {
    const std::size_t distance = edit_distance(lowered, ascii::lower(name));
    // A third of the letters may be wrong: with more, any short name would be near any other.
    const std::size_t tolerated = (std::min(wrong.size(), name.size()) + 1) / 3;
    if (distance > tolerated || (best && distance >= best_distance)) continue;
    best = name;
    best_distance = distance;
  }
  return best;
}

std::string list(std::span<const std::string_view> names, char quote,
                 std::string_view conjunction) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && i + 1 == names.size()) {
      text.append(" ").append(conjunction).append(" ");
    } else if (i > 0) {
      text += ", ";
    }
    text += quote;
    text += names[i];
    text += quote;
  }
  return text;
}

}  // namespace sallyport::config
