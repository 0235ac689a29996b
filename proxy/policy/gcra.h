// The Generic Cell Rate Algorithm: a rate limit whose whole state is one point in time. Pure; the
// time of day is handed in.
#pragma once

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

/// What one or more takings in a row do to the time of arrival `x`: `max(x, not_before) + plus`.
/// Such functions are closed under composition, so however many takings there were, what they did
/// together is again one Step.
struct Step {
  std::chrono::nanoseconds not_before{0};
  std::chrono::nanoseconds plus{0};

  std::chrono::nanoseconds apply(std::chrono::nanoseconds arrival) const;
  /// First this, then `next`.
  Step then(const Step& next) const;
  bool operator==(const Step&) const = default;
};

/// The state: the "theoretical arrival time", when everything taken so far will have been earned
/// back. Over any span of time no more is admitted than `burst + rate * span`. A value; not
/// thread-safe.
class Gcra {
 public:
  /// Takes `units`, or takes nothing and says how long until they could be taken if nothing else
  /// is. `units` must be ones that `rate.ever_admits`. The Step is what was done.
  std::expected<Step, std::chrono::nanoseconds> take(const GcraRate& rate, std::uint64_t units,
                                                     SinceEpoch now);
  /// Takes `units` that `peek` has just admitted.
  Step spend(const GcraRate& rate, std::uint64_t units, SinceEpoch now);
  /// What `take` would say, without taking.
  std::expected<void, std::chrono::nanoseconds> peek(const GcraRate& rate, std::uint64_t units,
                                                     SinceEpoch now) const;
  /// Does again what a `take` did.
  void repeat(const Step& step) { arrival_ = step.apply(arrival_); }
  /// Something that was taken is not owed any more, and `other` is what would be owed without it.
  void relax(const Gcra& other);

  /// The rate changed: what is owed keeps its number of units, but no more than the new burst.
  void convert(const GcraRate& from, const GcraRate& to, SinceEpoch now);
  /// Nothing is owed any more: as good as new.
  bool idle(SinceEpoch now) const { return arrival_ <= now; }
  void reset() { arrival_ = {}; }

 private:
  std::chrono::nanoseconds arrival_{};  // since the epoch
};

/// A step at the pace of `from` in terms of the pace of `to`, when that changes at `now`.
Step convert(const Step& step, const GcraRate& from, const GcraRate& to, SinceEpoch now);

}  // namespace sallyport::policy
