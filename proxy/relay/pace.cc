#include "proxy/relay/pace.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace sallyport::relay {
namespace {

using std::chrono::seconds;
using Seconds = std::chrono::duration<double>;

constexpr double kUsed = 0.98;      // of the rate, see the head of the class
constexpr double kRecovery = 0.05;  // of the rate, given back in each second
constexpr double kLeast = 0.02;     // of the rate, whatever the upstream says
constexpr Duration kHalveEvery = seconds(1);
// A turn that came late, because a loop was busy, does not put off those behind it.
constexpr Duration kLateness = std::chrono::milliseconds(25);

}  // namespace

void Pace::configure(const config::Pace& settings) {
  const std::scoped_lock lock(mutex_);
  most_ = 0;
  if (settings.rate) {
    most_ = static_cast<double>(settings.rate->amount) /
            static_cast<double>(settings.rate->period.count());
  }
  throttled_to_ = std::min(throttled_to_, most_);
  daily_ = settings.daily;
  per_recipient_.store(settings.per_recipient, std::memory_order_relaxed);
  limited_.store(settings.rate.has_value() || settings.daily != 0, std::memory_order_relaxed);
}

/// The rate at `now`: it grows in a straight line from where the last throttle reply put it.
double Pace::rate(TimePoint now) const {
  if (throttled_at_ == TimePoint::min()) return most_;
  const double grown = Seconds(now - throttled_at_).count() * kRecovery * most_;
  return std::min(most_, throttled_to_ + grown);
}

bool Pace::try_take(std::uint64_t units, TimePoint now) {
  if (!is_limited()) return true;
  const std::scoped_lock lock(mutex_);
  if (most_ == 0) return true;
  if (now < next_) return false;
  const Seconds spacing(static_cast<double>(units) / (rate(now) * kUsed));
  next_ = std::max(next_, now - kLateness) + std::chrono::duration_cast<Duration>(spacing);
  return true;
}

TimePoint Pace::ready(TimePoint now) const {
  if (!is_limited()) return now;
  const std::scoped_lock lock(mutex_);
  return most_ == 0 ? now : std::max(now, next_);
}

void Pace::throttled(TimePoint now) {
  const std::scoped_lock lock(mutex_);
  // Replies to what was under way when the first one came say nothing new.
  if (most_ == 0 || (throttled_at_ != TimePoint::min() && now - throttled_at_ < kHalveEvery))
    return;
  throttled_to_ = std::max(rate(now) / 2, most_ * kLeast);
  throttled_at_ = now;
  const Seconds spacing(1 / throttled_to_);
  next_ = std::max(next_, now + std::chrono::duration_cast<Duration>(spacing));
}

/// Moves on to the hour of `now`.
void Pace::roll(TimePoint now) const {
  const auto current =
      std::chrono::duration_cast<std::chrono::hours>(now.time_since_epoch()).count();
  if (current - hour_ >= static_cast<std::int64_t>(kHours)) hours_ = {};
  for (; hour_ < current && current - hour_ < static_cast<std::int64_t>(kHours); ++hour_) {
    hours_[static_cast<std::size_t>(hour_ + 1) % kHours] = 0;
  }
  hour_ = current;
}

void Pace::accepted(std::uint64_t units, TimePoint now) {
  if (!is_limited()) return;
  const std::scoped_lock lock(mutex_);
  if (daily_ == 0) return;
  roll(now);
  hours_[static_cast<std::size_t>(hour_) % kHours] += units;
}

std::uint64_t Pace::today(TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  roll(now);
  return std::accumulate(hours_.begin(), hours_.end(), std::uint64_t{0});
}

bool Pace::is_used_up(std::uint64_t units, TimePoint now) const {
  if (!is_limited()) return false;
  const std::scoped_lock lock(mutex_);
  if (daily_ == 0) return false;
  roll(now);
  return std::accumulate(hours_.begin(), hours_.end(), units) > daily_;
}

double Pace::allowed(TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  return rate(now);
}

}  // namespace sallyport::relay
