// The types of time. Code that needs the current time gets it from its caller: from the Loop for
// deadlines, from the composition root for dates. So tests can set it.
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
