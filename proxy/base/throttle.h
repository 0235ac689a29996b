// How often something may be said that others can make happen without end.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/base/clock.h"

namespace sallyport {

/// Lets the first `most` events of each interval through and counts the others. Pure: the clock is
/// handed in. Belongs to one thread.
class Throttle {
 public:
  Throttle(std::uint32_t most, Duration interval) : most_(most), interval_(interval) {}

  /// One more event. nullopt: be silent about it; else how many were passed over in silence since
  /// the last that was not.
  std::optional<std::uint64_t> pass(TimePoint now) {
    if (!began_ || now - *began_ >= interval_) {
      began_ = now;
      passed_ = 0;
    }
    if (passed_ >= most_) {
      ++suppressed_;
      return std::nullopt;
    }
    ++passed_;
    const std::uint64_t suppressed = suppressed_;
    suppressed_ = 0;
    return suppressed;
  }

 private:
  std::uint32_t most_;
  Duration interval_;
  std::optional<TimePoint> began_;  // of the interval
  std::uint32_t passed_ = 0;        // in it
  std::uint64_t suppressed_ = 0;
};

}  // namespace sallyport
