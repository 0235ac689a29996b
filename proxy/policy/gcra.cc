#include "proxy/policy/gcra.h"

#include <algorithm>

namespace sallyport::policy {
namespace {

using std::chrono::nanoseconds;
__extension__ using Wide = unsigned __int128;  // 64-bit amounts times nanoseconds

/// Twice this and a process's life still fit 63 bits, so nothing below can overflow.
constexpr std::int64_t kLongest = std::int64_t{1} << 61;

/// When everything taken so far and `cost` will have been earned back.
std::int64_t arrival_after(std::int64_t arrival, std::int64_t now, nanoseconds cost) {
  return std::max(arrival, now) + cost.count();
}

}  // namespace

nanoseconds GcraRate::cost(std::uint64_t units) const {
  if (units == 0) return nanoseconds(0);
  const auto period = static_cast<std::uint64_t>(nanoseconds(rate_.period).count());
  const Wide exact = Wide{units} * period / rate_.amount;
  return nanoseconds(static_cast<std::int64_t>(std::clamp<Wide>(exact, 1, kLongest)));
}

std::uint64_t GcraRate::units(nanoseconds owed) const {
  if (owed <= nanoseconds(0)) return 0;
  const auto period = static_cast<std::uint64_t>(nanoseconds(rate_.period).count());
  const Wide product = Wide{static_cast<std::uint64_t>(owed.count())} * rate_.amount;
  const Wide rounded_up = product / period + (product % period != 0 ? 1 : 0);
  return static_cast<std::uint64_t>(std::min<Wide>(rounded_up, UINT64_MAX));
}

std::expected<void, nanoseconds> Gcra::take(const GcraRate& rate, std::uint64_t units,
                                            SinceEpoch now) {
  const nanoseconds cost = rate.cost(units);
  const nanoseconds tolerance = rate.tolerance();
  std::int64_t arrival = arrival_.load(std::memory_order_relaxed);
  while (true) {
    const std::int64_t next = arrival_after(arrival, now.count(), cost);
    const nanoseconds early = nanoseconds(next) - now - tolerance;
    if (early > nanoseconds(0)) return std::unexpected(early);
    // Relaxed: the word is all there is, nothing else is published by it.
    if (arrival_.compare_exchange_weak(arrival, next, std::memory_order_relaxed)) return {};
  }
}

std::expected<void, nanoseconds> Gcra::peek(const GcraRate& rate, std::uint64_t units,
                                            SinceEpoch now) const {
  const std::int64_t arrival = arrival_.load(std::memory_order_relaxed);
  const nanoseconds next(arrival_after(arrival, now.count(), rate.cost(units)));
  const nanoseconds early = next - now - rate.tolerance();
  if (early > nanoseconds(0)) return std::unexpected(early);
  return {};
}

void Gcra::give_back(const GcraRate& rate, std::uint64_t units) {
  arrival_.fetch_sub(rate.cost(units).count(), std::memory_order_relaxed);
}

void Gcra::convert(const GcraRate& from, const GcraRate& to, SinceEpoch now) {
  const bool same_pace =
      from.rate().amount == to.rate().amount && from.rate().period == to.rate().period;
  std::int64_t arrival = arrival_.load(std::memory_order_relaxed);
  while (true) {
    const nanoseconds owed = nanoseconds(arrival) - now;
    if (owed <= nanoseconds(0)) return;
    const nanoseconds at_new_pace = same_pace ? owed : to.cost(from.units(owed));
    const std::int64_t next = (now + std::min(at_new_pace, to.tolerance())).count();
    if (arrival_.compare_exchange_weak(arrival, next, std::memory_order_relaxed)) return;
  }
}

bool Gcra::idle(SinceEpoch now) const {
  return arrival_.load(std::memory_order_relaxed) <= now.count();
}

}  // namespace sallyport::policy
