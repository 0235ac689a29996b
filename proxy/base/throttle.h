// Rate limit for log lines about events that clients or upstreams can repeat without end.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/base/clock.h"

namespace sallyport {

/// Passes the first `most` events of each interval and counts the others. The caller supplies the
/// time. Belongs to one thread.
class Throttle {
 public:
  Throttle(std::uint32_t most, Duration interval) : most_(most), interval_(interval) {}

  /// Registers one event. nullopt: it is suppressed; else the number of events suppressed since the
  /// last one that passed.
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
