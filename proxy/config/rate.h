// A rate as users write it: "100/minute", "5000/day burst 200".
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::config {

/// So many units per period, with how many may come at once. Always at least 1 of each.
struct Rate {
  std::uint64_t amount = 0;
  std::chrono::seconds period{1};
  std::uint64_t burst = 0;  ///< Without `burst N`: the amount of one period.

  bool operator==(const Rate&) const = default;
};

/// The largest amount and burst of a rate: 100 terabytes. Products with a period in seconds fit 63
/// bits.
inline constexpr std::uint64_t kMostInRate = 100'000'000'000'000;

/// Reads `AMOUNT/PERIOD[ burst N]`; PERIOD is second, minute, hour or day; with `sizes` amounts may
/// carry KB, MB, GB, KiB, MiB or GiB. The error says what was expected.
Result<Rate> parse_rate(std::string_view text, bool sizes);

}  // namespace sallyport::config
