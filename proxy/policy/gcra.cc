#include "proxy/policy/gcra.h"

#include <algorithm>

namespace sallyport::policy {
namespace {

using std::chrono::nanoseconds;
__extension__ using Wide = unsigned __int128;  // 64-bit amounts times nanoseconds

/// Twice this and a process's life still fit 63 bits, so nothing below can overflow.
constexpr std::int64_t kLongest = std::int64_t{1} << 61;

/// A time owed at the pace of `from` as the time in which `to` earns the same.
nanoseconds at_pace(nanoseconds owed, const GcraRate& from, const GcraRate& to) {
  const bool same =
      from.rate().amount == to.rate().amount && from.rate().period == to.rate().period;
  return same ? owed : to.cost(from.units(owed));
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

nanoseconds Step::apply(nanoseconds arrival) const { return std::max(arrival, not_before) + plus; }

Step Step::then(const Step& next) const {
  // max(max(x, a) + b, c) + d = max(x, max(a, c - b)) + b + d
  return {.not_before = std::max(not_before, next.not_before - plus), .plus = plus + next.plus};
}

std::expected<Step, nanoseconds> Gcra::take(const GcraRate& rate, std::uint64_t units,
                                            SinceEpoch now) {
  if (const auto admitted = peek(rate, units, now); !admitted) {
    return std::unexpected(admitted.error());
  }
  return spend(rate, units, now);
}

Step Gcra::spend(const GcraRate& rate, std::uint64_t units, SinceEpoch now) {
  const Step step{.not_before = now, .plus = rate.cost(units)};
  repeat(step);
  return step;
}

std::expected<void, nanoseconds> Gcra::peek(const GcraRate& rate, std::uint64_t units,
                                            SinceEpoch now) const {
  const nanoseconds next = std::max(arrival_, now) + rate.cost(units);
  const nanoseconds early = next - now - rate.tolerance();
  if (early > nanoseconds(0)) return std::unexpected(early);
  return {};
}

void Gcra::relax(const Gcra& other) { arrival_ = std::min(arrival_, other.arrival_); }

void Gcra::convert(const GcraRate& from, const GcraRate& to, SinceEpoch now) {
  const nanoseconds owed = arrival_ - now;
  if (owed <= nanoseconds(0)) return;
  arrival_ = now + std::min(at_pace(owed, from, to), to.tolerance());
}

Step convert(const Step& step, const GcraRate& from, const GcraRate& to, SinceEpoch now) {
  // Both rates see the time since then as units that were earned.
  const nanoseconds ago = now - step.not_before;
  return {.not_before = now - at_pace(ago, from, to), .plus = at_pace(step.plus, from, to)};
}

}  // namespace sallyport::policy
