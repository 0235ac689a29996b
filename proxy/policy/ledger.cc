#include "proxy/policy/ledger.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>

namespace sallyport::policy {
namespace {

using std::chrono::days;
using std::chrono::nanoseconds;

constexpr std::size_t kFirstSweep = 1024;

nanoseconds since_1970(WallTime now) {
  return std::max(nanoseconds(now.time_since_epoch()), nanoseconds(0));
}

/// Of limits and subjects: neither holds a control character.
std::string key_of(const Meter& meter) { return meter.rule->name + '\n' + meter.subject; }

}  // namespace

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(holder_, other.holder_);  // what we held goes when `other` does
  return *this;
}

Reservation::~Reservation() {
  if (holder_) holder_->settle({.messages = 0});
}

void Reservation::keep(const Charge& part) {
  if (const auto holder = std::exchange(holder_, nullptr)) holder->settle(part);
}

/// One window of one count.
struct LocalLedger::Line {
  Line(Limit of, const config::Window& in) : unit(of), window(in), rate(in.rate) {}

  const Limit unit;
  const config::Window window;
  const GcraRate rate;
  nanoseconds arrival{};       // rolling: when all that counts will be earned back
  days day{};                  // calendar: of `used`
  std::uint64_t used = 0;      // calendar: units that count
  std::uint64_t reserved = 0;  // units

  /// What is owed; the clock may have been put back.
  nanoseconds owed(nanoseconds now) const {
    return std::clamp(arrival - now, nanoseconds(0), rate.tolerance());
  }
  std::uint64_t used_today(nanoseconds now) const {
    return std::chrono::floor<days>(now) > day ? 0 : used;
  }
  std::uint64_t taken(nanoseconds now) const {
    return reserved + (window.calendar ? used_today(now) : rate.units(owed(now)));
  }
  /// nullopt: there is room. Else how long until there is.
  std::optional<nanoseconds> lacks(std::uint64_t units, nanoseconds now) const {
    if (window.calendar) {
      const std::uint64_t left = window.rate.amount - std::min(window.rate.amount, used_today(now));
      if (reserved <= left && units <= left - reserved) return std::nullopt;
      return nanoseconds(std::chrono::floor<days>(now) + days(1)) - now;
    }
    const nanoseconds over = owed(now) + rate.cost(reserved + units) - rate.tolerance();
    return over > nanoseconds(0) ? std::optional(over) : std::nullopt;
  }
  void count(std::uint64_t units, nanoseconds now) {
    if (!window.calendar) {
      arrival = now + owed(now) + rate.cost(units);
      return;
    }
    used = used_today(now) + units;
    day = std::max(day, std::chrono::floor<days>(now));
  }
  bool empty(nanoseconds now) const {
    return reserved == 0 && (window.calendar ? used_today(now) == 0 : arrival <= now);
  }
};

/// The windows of one subject of one limit.
struct LocalLedger::Count {
  std::vector<std::shared_ptr<Line>> lines;

  bool empty(nanoseconds now) const {
    return std::ranges::all_of(lines, [now](const auto& line) { return line->empty(now); });
  }
  /// Makes the lines those of `rule`: a window that it had keeps its state.
  void follow(const config::LimitRule& rule) {
    std::size_t at = 0;
    bool same = true;
    for (const Limit unit : kMeteredUnits) {
      for (const config::Window& window : windows(rule, unit)) {
        same = same && at < lines.size() && lines[at]->unit == unit && lines[at]->window == window;
        ++at;
      }
    }
    if (same && at == lines.size()) return;
    std::vector<std::shared_ptr<Line>> next;
    next.reserve(at);
    for (const Limit unit : kMeteredUnits) {
      for (const config::Window& window : windows(rule, unit)) {
        const auto before = std::ranges::find_if(lines, [&](const auto& line) {
          return line && line->unit == unit && line->window == window;
        });
        next.push_back(before != lines.end() ? std::exchange(*before, nullptr)
                                             : std::make_shared<Line>(unit, window));
      }
    }
    lines = std::move(next);
  }
};

struct LocalLedger::State {
  explicit State(std::function<WallTime()> clock) : now(std::move(clock)) {}

  const std::function<WallTime()> now;
  mutable std::mutex mutex;
  // All below under the mutex.
  std::unordered_map<std::string, Count> counts;
  std::size_t sweep_at = kFirstSweep;  // counts; then the empty ones are dropped

  /// Before a charge: it keeps pointers to counts.
  void sweep(nanoseconds at) {
    if (counts.size() < sweep_at) return;
    std::erase_if(counts, [at](const auto& each) { return each.second.empty(at); });
    sweep_at = std::max(kFirstSweep, 2 * counts.size());
  }

  Count& count_of(const Meter& meter) {
    Count& count = counts[key_of(meter)];
    count.follow(*meter.rule);
    return count;
  }

  /// What of this meter has no room for longest.
  static std::optional<Exceeded> refusal(const Count& count, const Meter& meter, nanoseconds at) {
    std::optional<Exceeded> worst;
    for (const auto& line : count.lines) {
      const std::uint64_t asked = units(meter.charge, line->unit);
      if (asked == 0) continue;
      const auto lacking = line->lacks(asked, at);
      if (!lacking) continue;
      Exceeded found{.limit = meter.rule->name,
                     .subject = meter.subject,
                     .unit = line->unit,
                     .window = line->window,
                     .asked = asked,
                     .permanent = asked > line->window.rate.burst,
                     .retry_after = *lacking};
      if (!worst || outlasts(found, *worst)) worst = std::move(found);
    }
    return worst;
  }

  static bool outlasts(const Exceeded& one, const Exceeded& other) {
    return std::tie(one.permanent, one.retry_after) > std::tie(other.permanent, other.retry_after);
  }
};

/// What one charge has reserved.
class LocalLedger::Held final : public Reservation::Holder {
 public:
  explicit Held(std::shared_ptr<State> state) : state_(std::move(state)) {}

  void add(std::shared_ptr<Line> line, std::uint64_t units) {
    reserved_.emplace_back(std::move(line), units);
  }
  bool empty() const { return reserved_.empty(); }

  void settle(const Charge& part) override {
    const nanoseconds at = since_1970(state_->now());
    const std::lock_guard lock(state_->mutex);
    for (const auto& [line, reserved] : reserved_) {
      line->reserved -= reserved;
      const std::uint64_t kept = std::min(reserved, units(part, line->unit));
      if (kept > 0) line->count(kept, at);
    }
  }

 private:
  const std::shared_ptr<State> state_;
  std::vector<std::pair<std::shared_ptr<Line>, std::uint64_t>> reserved_;
};

LocalLedger::LocalLedger(std::function<WallTime()> now)
    : state_(std::make_shared<State>(std::move(now))) {}

LocalLedger::~LocalLedger() = default;

std::expected<Charged, Exceeded> LocalLedger::charge(std::span<const Meter> meters) {
  const nanoseconds at = since_1970(state_->now());
  Charged charged;
  std::vector<std::pair<Count*, const Meter*>> taken;
  taken.reserve(meters.size());
  auto held = std::make_unique<Held>(state_);
  {
    const std::lock_guard lock(state_->mutex);
    state_->sweep(at);
    std::optional<Exceeded> worst;
    for (const Meter& meter : meters) {
      Count& count = state_->count_of(meter);
      auto refusal = State::refusal(count, meter, at);
      if (!refusal) {
        taken.emplace_back(&count, &meter);
      } else if (meter.rule->observe) {
        charged.observed.push_back(std::move(*refusal));
      } else if (!worst || State::outlasts(*refusal, *worst)) {
        worst = std::move(*refusal);
      }
    }
    if (worst) return std::unexpected(std::move(*worst));
    for (const auto& [count, meter] : taken) {
      for (const auto& line : count->lines) {
        const std::uint64_t asked = units(meter->charge, line->unit);
        if (asked == 0) continue;
        if (meter->rule->attempted) {
          line->count(asked, at);
        } else {
          line->reserved += asked;
          held->add(line, asked);
        }
      }
    }
  }
  if (!held->empty()) charged.reservation = Reservation(std::move(held));
  return charged;
}

std::expected<void, Exceeded> LocalLedger::peek(std::span<const Meter> meters) const {
  const nanoseconds at = since_1970(state_->now());
  const std::lock_guard lock(state_->mutex);
  state_->sweep(at);
  std::optional<Exceeded> worst;
  for (const Meter& meter : meters) {
    if (meter.rule->observe) continue;
    auto refusal = State::refusal(state_->count_of(meter), meter, at);
    if (refusal && (!worst || State::outlasts(*refusal, *worst))) worst = std::move(*refusal);
  }
  if (worst) return std::unexpected(std::move(*worst));
  return {};
}

std::vector<Standing> LocalLedger::standings() const {
  const nanoseconds at = since_1970(state_->now());
  std::vector<Standing> all;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [key, count] : state_->counts) {
      const std::size_t end = key.find('\n');
      for (const auto& line : count.lines) {
        if (line->empty(at)) continue;
        const nanoseconds full = line->window.calendar
                                     ? nanoseconds(std::chrono::floor<days>(at) + days(1)) - at
                                     : line->owed(at);
        all.push_back({.limit = key.substr(0, end),
                       .subject = key.substr(end + 1),
                       .unit = line->unit,
                       .window = line->window,
                       .used = line->taken(at),
                       .full_again = full});
      }
    }
  }
  std::ranges::sort(all, {}, [](const Standing& standing) {
    return std::tie(standing.limit, standing.subject, standing.unit, standing.window.rate.period);
  });
  return all;
}

std::size_t LocalLedger::reset(std::string_view limit, std::string_view subject) {
  const std::lock_guard lock(state_->mutex);
  std::size_t found = 0;
  for (auto& [key, count] : state_->counts) {
    const std::string_view whole = key;
    const std::size_t end = whole.find('\n');
    if (whole.substr(end + 1) != subject) continue;
    if (!limit.empty() && whole.substr(0, end) != limit) continue;
    ++found;
    for (const auto& line : count.lines) {
      line->arrival = {};
      line->used = 0;
    }
  }
  return found;
}

std::size_t LocalLedger::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts.size();
}

}  // namespace sallyport::policy
