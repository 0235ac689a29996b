#include "proxy/policy/rate_limiter.h"

#include <algorithm>
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

UserLimits::Rates::Rates(const config::Limits& from)
    : limits(from),
      of{worked_out(from.messages), worked_out(from.recipients), worked_out(from.bytes)} {}

UserLimits::UserLimits(const config::Limits& limits, TimePoint epoch) : epoch_(epoch) {
  published_.push_back(std::make_unique<const Rates>(limits));
  rates_.store(published_.back().get(), std::memory_order_release);
}

SinceEpoch UserLimits::since_epoch(TimePoint now) const {
  return std::max(SinceEpoch(now - epoch_), SinceEpoch(0));
}

std::expected<ConnectionSlot, Refusal> UserLimits::connect() {
  const std::optional<std::uint32_t> most = rates().limits.connections;
  std::uint32_t open = connections_.load(std::memory_order_relaxed);
  do {
    if (most && open >= *most) {
      return std::unexpected(Refusal{
          .limit = Limit::kConnections, .asked = 1, .rate = {.amount = *most, .burst = *most}});
    }
  } while (!connections_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed));
  return ConnectionSlot(shared_from_this());
}

std::expected<void, Refusal> UserLimits::peek(const Charge& charge, TimePoint now) const {
  return look(rates(), charge, since_epoch(now));
}

std::expected<void, Refusal> UserLimits::look(const Rates& rates, const Charge& charge,
                                              SinceEpoch now) const {
  const std::array units = units_of(charge);
  std::optional<Refusal> worst;
  for (std::size_t i = 0; i < kRated.size(); ++i) {
    const GcraRate* const rate = rates.at(i);
    if (rate == nullptr || units[i] == 0) continue;
    Refusal refusal{.limit = kRated[i], .asked = units[i], .rate = rate->rate()};
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

std::expected<void, Refusal> UserLimits::take(const Charge& charge, TimePoint now) {
  const Rates& current = rates();
  const SinceEpoch since = since_epoch(now);
  // Most refusals are found here, before anything was taken that would have to go back.
  if (const auto looked = look(current, charge, since); !looked) return looked;

  const std::array units = units_of(charge);
  for (std::size_t i = 0; i < kRated.size(); ++i) {
    const GcraRate* const rate = current.at(i);
    if (rate == nullptr || units[i] == 0) continue;
    const auto taken = state_[i].take(*rate, units[i], since);
    if (taken) continue;
    // Another session was faster since we looked.
    for (std::size_t j = 0; j < i; ++j) {
      if (const auto* other = current.at(j)) state_[j].give_back(*other, units[j]);
    }
    return std::unexpected(Refusal{
        .limit = kRated[i], .asked = units[i], .rate = rate->rate(), .retry_after = taken.error()});
  }
  return {};
}

std::optional<std::uint64_t> UserLimits::most_recipients() const {
  const std::optional<config::Rate>& rate = rates().limits.recipients;
  return rate ? std::optional(rate->burst) : std::nullopt;
}

void UserLimits::change(const config::Limits& limits, TimePoint now) {
  const Rates& old = rates();
  if (old.limits == limits) return;
  auto known = std::ranges::find_if(
      published_, [&](const auto& candidate) { return candidate->limits == limits; });
  if (known == published_.end()) {
    known = published_.insert(known, std::make_unique<const Rates>(limits));
  }
  const Rates& next = **known;
  for (std::size_t i = 0; i < kRated.size(); ++i) {
    const GcraRate* const from = old.at(i);
    const GcraRate* const to = next.at(i);
    if (from != nullptr && to != nullptr) {
      state_[i].convert(*from, *to, since_epoch(now));
    } else {
      state_[i].reset();  // there was no limit, or there will be none
    }
  }
  rates_.store(&next, std::memory_order_release);
}

bool UserLimits::idle(TimePoint now) const {
  return std::ranges::all_of(state_,
                             [&](const Gcra& state) { return state.idle(since_epoch(now)); });
}

LimitTable::LimitTable(TimePoint epoch) : epoch_(epoch) {}

LimitTable::Shard& LimitTable::shard(std::string_view name) {
  return shards_[NameHash()(name) % kShards];
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
