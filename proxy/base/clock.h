// Time, as the rest of the program names it. Who needs "now" is handed it: by the Loop for
// deadlines, by the composition root for dates, so that tests decide what time it is.
#pragma once

#include <chrono>

namespace sallyport {

/// Monotonic time: deadlines, rates, latencies.
using TimePoint = std::chrono::steady_clock::time_point;
/// A span of monotonic time.
using Duration = std::chrono::steady_clock::duration;
/// Wall-clock time: Date and Received fields, certificates, log lines.
using WallTime = std::chrono::system_clock::time_point;

/// A deadline that never passes.
inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace sallyport
