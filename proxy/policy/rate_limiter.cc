#include "proxy/policy/rate_limiter.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace sallyport::policy {
namespace {

constexpr std::array kRated = {Limit::kMessages, Limit::kRecipients, Limit::kBytes};

std::array<std::uint64_t, 3> units_of(const Charge& charge) {
  return {charge.messages, charge.recipients, charge.bytes};
}

std::optional<GcraRate> worked_out(const std::optional<config::Rate>& rate) {
  return rate ? std::optional<GcraRate>(*rate) : std::nullopt;
}

}  // namespace

ConnectionSlot& ConnectionSlot::operator=(ConnectionSlot&& other) noexcept {
  std::swap(owner_, other.owner_);  // what we held goes when `other` does
  return *this;
}

ConnectionSlot::~ConnectionSlot() {
  if (owner_) owner_->connections_.fetch_sub(1, std::memory_order_relaxed);
}

Announced::Announced(Announced&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), octets_(other.octets_) {}

Announced& Announced::operator=(Announced&& other) noexcept {
  std::swap(owner_, other.owner_);  // what we held goes when `other` does
  std::swap(octets_, other.octets_);
  return *this;
}

Announced::~Announced() {
  if (owner_) owner_->announced_.fetch_sub(octets_, std::memory_order_relaxed);
}

Receipt::Receipt(Receipt&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), id_(other.id_) {}

Receipt& Receipt::operator=(Receipt&& other) noexcept {
  std::swap(owner_, other.owner_);  // what we held goes when `other` does
  std::swap(id_, other.id_);
  return *this;
}

Receipt::~Receipt() {
  constexpr Charge kNothing{.messages = 0};
  if (owner_) owner_->settle(id_, &kNothing);
}

void Receipt::keep() {
  if (owner_) std::exchange(owner_, nullptr)->settle(id_, nullptr);
}

void Receipt::keep(const Charge& part) {
  if (owner_) std::exchange(owner_, nullptr)->settle(id_, &part);
}

UserLimits::Rates UserLimits::rates_of(const config::Limits& limits) {
  return {worked_out(limits.messages), worked_out(limits.recipients), worked_out(limits.bytes)};
}

UserLimits::UserLimits(const config::Limits& limits, TimePoint epoch)
    : epoch_(epoch), limits_(limits), rates_(rates_of(limits)) {}

SinceEpoch UserLimits::since_epoch(TimePoint now) const {
  return std::max(SinceEpoch(now - epoch_), SinceEpoch(0));
}

std::expected<ConnectionSlot, LimitExceeded> UserLimits::connect() {
  std::optional<std::uint32_t> most;
  {
    const std::lock_guard lock(mutex_);
    most = limits_.connections;
  }
  std::uint32_t open = connections_.load(std::memory_order_relaxed);
  do {
    if (most && open >= *most) {
      return std::unexpected(LimitExceeded{
          .limit = Limit::kConnections, .asked = 1, .rate = {.amount = *most, .burst = *most}});
    }
  } while (!connections_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed));
  return ConnectionSlot(shared_from_this());
}

std::optional<Announced> UserLimits::announce(std::uint64_t octets, std::uint64_t most) {
  std::uint64_t before = announced_.load(std::memory_order_relaxed);
  do {
    if (octets > most || before > most - octets) return std::nullopt;
  } while (!announced_.compare_exchange_weak(before, before + octets, std::memory_order_relaxed));
  return Announced(shared_from_this(), octets);
}

std::expected<void, LimitExceeded> UserLimits::peek(const Charge& charge, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return look(charge, since_epoch(now));
}

std::expected<void, LimitExceeded> UserLimits::look(const Charge& charge, SinceEpoch now) const {
  const std::array units = units_of(charge);
  std::optional<LimitExceeded> worst;
  for (std::size_t i = 0; i < kRates; ++i) {
    const auto& rate = rates_[i];
    if (!rate || units[i] == 0) continue;
    LimitExceeded refusal{.limit = kRated[i], .asked = units[i], .rate = rate->rate()};
    if (!rate->ever_admits(units[i])) {
      refusal.permanent = true;
      return std::unexpected(refusal);
    }
    const auto admitted = state_[i].peek(*rate, units[i], now);
    if (admitted) continue;
    refusal.retry_after = admitted.error();
    if (!worst || worst->retry_after < refusal.retry_after) worst = refusal;
  }
  if (worst) return std::unexpected(*worst);
  return {};
}

std::expected<Receipt, LimitExceeded> UserLimits::take(const Charge& charge, TimePoint now) {
  const SinceEpoch since = since_epoch(now);
  const std::array units = units_of(charge);
  const std::lock_guard lock(mutex_);
  if (const auto looked = look(charge, since); !looked) return std::unexpected(looked.error());
  if (taken_.empty()) before_ = state_;
  Taken taken{.id = ++last_id_};
  for (std::size_t i = 0; i < kRates; ++i) {
    const auto& rate = rates_[i];
    if (!rate || units[i] == 0) continue;
    taken.steps[i] = state_[i].spend(*rate, units[i], since);
  }
  taken_.push_back(taken);
  return Receipt(shared_from_this(), taken.id);
}

void UserLimits::settle(std::uint64_t id, const Charge* part) {
  const std::lock_guard lock(mutex_);
  const auto settled = std::ranges::lower_bound(taken_, id, {}, &Taken::id);
  settled->open = false;
  if (part) {
    const std::array units = units_of(*part);
    for (std::size_t i = 0; i < kRates; ++i) {
      Step& step = settled->steps[i];
      const auto& rate = rates_[i];
      if (!rate || step == Step()) continue;  // there was no limit
      const auto less = std::min(step.plus, rate->cost(units[i]));
      step = units[i] == 0 ? Step() : Step{.not_before = step.not_before, .plus = less};
    }
    States without = before_;
    for (const Taken& taken : taken_) {
      for (std::size_t i = 0; i < kRates; ++i) without[i].repeat(taken.steps[i]);
    }
    for (std::size_t i = 0; i < kRates; ++i) state_[i].relax(without[i]);
  }
  forget_what_is_settled(settled);
}

/// Neighbours that stay become one, and the oldest of all part of the state before.
void UserLimits::forget_what_is_settled(std::vector<Taken>::iterator settled) {
  const auto merge = [this](std::vector<Taken>::iterator first) {
    const auto second = std::next(first);
    for (std::size_t i = 0; i < kRates; ++i) {
      first->steps[i] = first->steps[i].then(second->steps[i]);
    }
    taken_.erase(second);
  };
  if (const auto next = std::next(settled); next != taken_.end() && !next->open) merge(settled);
  if (settled != taken_.begin() && !std::prev(settled)->open) merge(--settled);
  if (settled != taken_.begin()) return;
  for (std::size_t i = 0; i < kRates; ++i) before_[i].repeat(settled->steps[i]);
  taken_.erase(settled);
}

std::optional<std::uint64_t> UserLimits::most_recipients() const {
  const std::lock_guard lock(mutex_);
  const std::optional<config::Rate>& rate = limits_.recipients;
  return rate ? std::optional(rate->burst) : std::nullopt;
}

void UserLimits::change(const config::Limits& limits, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (limits_ == limits) return;
  const Rates next = rates_of(limits);
  for (std::size_t i = 0; i < kRates; ++i) {
    const auto& from = rates_[i];
    const auto& to = next[i];
    if (from && to) {
      state_[i].convert(*from, *to, since_epoch(now));
      before_[i].convert(*from, *to, since_epoch(now));
    } else {
      state_[i].reset();  // there was no limit, or there will be none
      before_[i].reset();
    }
    for (Taken& taken : taken_) {
      Step& step = taken.steps[i];
      const bool keeps = from && to && step != Step();
      step = keeps ? convert(step, *from, *to, since_epoch(now)) : Step();
    }
  }
  limits_ = limits;
  rates_ = next;
}

bool UserLimits::idle(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(state_,
                             [&](const Gcra& state) { return state.idle(since_epoch(now)); });
}

LimitTable::LimitTable(TimePoint epoch) : epoch_(epoch) {}

LimitTable::Shard& LimitTable::shard(std::string_view name) {
  return shards_[ascii::CaselessHash()(name) % kShards];
}

std::shared_ptr<UserLimits> LimitTable::find(const config::User& user, TimePoint now) {
  Shard& place = shard(user.name);
  const std::lock_guard lock(place.mutex);
  if (const auto known = place.users.find(user.name); known != place.users.end()) {
    known->second->change(user.limits, now);
    return known->second;
  }
  if (place.users.size() >= place.sweep_at) sweep(place, now);
  auto limits = std::make_shared<UserLimits>(user.limits, epoch_);
  place.users.emplace(user.name, limits);
  return limits;
}

void LimitTable::sweep(Shard& shard, TimePoint now) {
  std::erase_if(shard.users, [&](const auto& entry) {
    // Only `find` makes new owners, under the lock we hold: who is alone stays alone.
    return entry.second.use_count() == 1 && entry.second->idle(now);
  });
  // Twice what is left: sweeping costs each newcomer a constant.
  shard.sweep_at = std::max<std::size_t>(64, 2 * shard.users.size());
}

void LimitTable::update(const FindUser& find_user, TimePoint now) {
  for (Shard& place : shards_) {
    const std::lock_guard lock(place.mutex);
    for (const auto& [name, limits] : place.users) {
      if (const auto user = find_user(name)) limits->change(user->limits, now);
    }
  }
}

std::size_t LimitTable::size() const {
  std::size_t total = 0;
  for (const Shard& place : shards_) {
    const std::lock_guard lock(place.mutex);
    total += place.users.size();
  }
  return total;
}

}  // namespace sallyport::policy
