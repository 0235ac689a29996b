// Whether an upstream is worth trying now: after failures it is left alone for a while.
#pragma once

#include <cstdint>
#include <random>

#include "proxy/base/clock.h"

namespace sallyport::relay {

/// A circuit breaker for one upstream of one worker. After a failure it admits nobody for a time
/// that grows with each failure in a row, is capped, and has jitter, so that workers and instances
/// don't come back in step; then one delivery probes while the others still stay away.
class Health {
 public:
  /// What went wrong decides how long to stay away at first and at most.
  enum class Trouble : std::uint8_t {
    kUnreachable,    ///< No connection, or it was lost: 1 s to 1 min.
    kThrottled,      ///< The provider wants less at a time: 1 s to 1 min.
    kQuota,          ///< It wants no more for the hour or day: 1 min to 15 min.
    kMisconfigured,  ///< Nothing will help but the operator: 5 s to 5 min.
  };

  /// `seed` is for the jitter.
  explicit Health(std::uint32_t seed) : random_(seed) {}

  /// May a delivery try it now? If so it must end in `succeeded`, `failed` or `learned_nothing`.
  bool admit(TimePoint now);
  void succeeded();
  /// The attempt ended for a reason of ours before the upstream was asked.
  void learned_nothing() { probing_ = false; }
  /// Failures of deliveries that were under way when the first one failed count as one.
  void failed(Trouble trouble, TimePoint now);

 private:
  std::uint32_t failures_ = 0;  // in a row
  TimePoint closed_until_{};
  bool probing_ = false;
  std::minstd_rand random_;
};

}  // namespace sallyport::relay
