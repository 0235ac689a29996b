// How fast mail may go to one upstream, over all workers: so many messages or recipients a second,
// and so many a day.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/config/config.h"

namespace sallyport::relay {

/// The pace of one upstream in the process: `rate` and `daily` of its configuration. Thread-safe;
/// the clock is handed in. Where neither is set a message costs one load.
///
/// Mail is spaced evenly, at 98 % of the rate, so that what the network brings together is no burst
/// for a provider that counts by the second. When the provider says that it is too fast, the rate
/// is halved, once a second at most; each second without such a reply gives back a twentieth of
/// what is configured.
class Pace {
 public:
  /// Takes effect at once. What was counted for the day stays.
  void configure(const config::Pace& settings);

  bool is_limited() const { return limited_.load(std::memory_order_relaxed); }

  /// Units of a message with so many recipients.
  std::uint64_t units(std::uint64_t recipients) const {
    return per_recipient_.load(std::memory_order_relaxed) ? recipients : 1;
  }
  /// Takes `units`, if they may go now. One that is larger than what is saved up goes as soon as
  /// anything may, and those behind it wait for longer.
  bool try_take(std::uint64_t units, TimePoint now);
  /// When the next message may go, as things are.
  TimePoint ready(TimePoint now) const;

  /// The upstream said that this is too fast.
  void throttled(TimePoint now);
  /// It took a message of so many units.
  void accepted(std::uint64_t units, TimePoint now);
  /// Nothing more may go today: when `daily` units went within the last 24 hours.
  bool is_used_up(std::uint64_t units, TimePoint now) const;

  /// Units a second that are allowed now, and went within 24 hours. For metrics.
  double allowed(TimePoint now) const;
  std::uint64_t today(TimePoint now) const;

 private:
  static constexpr std::size_t kHours = 24;

  double rate(TimePoint now) const;
  void roll(TimePoint now) const;

  std::atomic<bool> limited_{false};
  std::atomic<bool> per_recipient_{false};
  mutable std::mutex mutex_;
  double most_ = 0;          // units a second; 0: no rate
  double throttled_to_ = 0;  // the rate right after the last throttle reply
  TimePoint throttled_at_ = TimePoint::min();
  TimePoint next_{};                                   // when the next unit may go
  std::uint64_t daily_ = 0;                            // 0: no quota
  mutable std::array<std::uint64_t, kHours> hours_{};  // what went, the current hour at `hour_`
  mutable std::int64_t hour_ = 0;
};

}  // namespace sallyport::relay
