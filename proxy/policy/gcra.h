// The Generic Cell Rate Algorithm: a rate limit whose whole state is one 64-bit word. Pure but for
// that word; the time is handed in.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>

#include "proxy/config/rate.h"

namespace sallyport::policy {

/// Nanoseconds since an epoch that every user of one Gcra shares; never negative.
using SinceEpoch = std::chrono::nanoseconds;

/// One rate, worked out for Gcra: a unit "costs" the time in which the rate earns it.
class GcraRate {
 public:
  explicit GcraRate(const config::Rate& rate) : rate_(rate), tolerance_(cost(rate.burst)) {}

  const config::Rate& rate() const { return rate_; }
  /// What `units` cost: `units * period / amount`, in whole nanoseconds, rounded down but never to
  /// nothing, so that exactly `burst` units fit at once. Capped at 73 years.
  std::chrono::nanoseconds cost(std::uint64_t units) const;
  /// What can be owed at one time: the cost of `burst` units.
  std::chrono::nanoseconds tolerance() const { return tolerance_; }
  /// The units that were taken when this much is owed, rounded up.
  std::uint64_t units(std::chrono::nanoseconds owed) const;
  /// More than `burst` units can never pass in one request.
  bool ever_admits(std::uint64_t units) const { return units <= rate_.burst; }

 private:
  config::Rate rate_;
  std::chrono::nanoseconds tolerance_;
};

/// The state: the "theoretical arrival time", when everything taken so far will have been earned
/// back. Over any span of time no more is admitted than `burst + rate * span`. Lock-free;
/// thread-safe.
class Gcra {
 public:
  /// Takes `units`, or takes nothing and says how long until they could be taken if nobody else
  /// takes any. `units` must be ones that `rate.ever_admits`.
  std::expected<void, std::chrono::nanoseconds> take(const GcraRate& rate, std::uint64_t units,
                                                     SinceEpoch now);
  /// What `take` would say, without taking.
  std::expected<void, std::chrono::nanoseconds> peek(const GcraRate& rate, std::uint64_t units,
                                                     SinceEpoch now) const;
  /// Gives back what `take` took a moment ago, at the same rate.
  void give_back(const GcraRate& rate, std::uint64_t units);

  /// The rate changed: what is owed keeps its number of units, but no more than the new burst.
  void convert(const GcraRate& from, const GcraRate& to, SinceEpoch now);
  /// Nothing is owed any more: as good as new.
  bool idle(SinceEpoch now) const;
  void reset() { arrival_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> arrival_ = 0;  // nanoseconds since the epoch
};

}  // namespace sallyport::policy
