#include "proxy/relay/connection_cap.h"

#include <algorithm>
#include <cassert>

namespace sallyport::relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A connection that no delivery wanted for so long is not needed where it is: pools lend the one
// used last first.
constexpr Duration kIdleLongEnough = milliseconds(50);
// The least that a worker with connections waits before it is worth a new one.
constexpr Duration kLeastWait = milliseconds(100);
// A worker without any connection waits so long before others that are busy give one up.
constexpr Duration kPatience = seconds(1);
// How long a connection stays where deliveries wait for it, as a multiple of what it takes to open
// one: at most a tenth of a slot's time goes into moving it.
constexpr int kOpeningsATurn = 10;
constexpr Duration kShortestTurn = seconds(1);
constexpr Duration kLongestTurn = seconds(10);
// When one more connection is tried after the upstream said that there were too many: this long
// after, and twice as long each time that was too early.
constexpr Duration kFirstGrowth = seconds(15);
constexpr Duration kSlowestGrowth = minutes(5);

void post(const std::shared_ptr<ConnectionCap::Member>& to,
          std::function<void()> ConnectionCap::Member::* what) {
  to->loop->post([to, what] { ((*to).*what)(); });
}

}  // namespace

void ConnectionCap::join(const std::shared_ptr<Member>& member) {
  const std::lock_guard lock(mutex_);
  members_.push_back(member);
}

void ConnectionCap::leave(const std::shared_ptr<Member>& member) {
  const std::lock_guard lock(mutex_);
  std::erase(members_, member);
  member->waiting_.clear();
  set_due(*member, 0);
}

bool ConnectionCap::try_take(Member& member, TimePoint now) {
  return try_take_of(member, ~std::uint32_t{0}, now);
}

bool ConnectionCap::try_take_of(Member& member, std::uint32_t most, TimePoint now) {
  const std::lock_guard lock(mutex_);
  grow(now);
  if (used_ >= std::min(most, allowed())) return false;
  ++used_;
  ++member.held_;
  return true;
}

void ConnectionCap::wait(Member& member, TimePoint since, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (member.waiting_.empty()) member.last_served_ = now;
  member.waiting_.insert(std::ranges::upper_bound(member.waiting_, since), since);
  use_free_slots();  // one may have come free since `try_take`
  if (deserves_idle(member, now)) ask_for_idle(member, now);
}

void ConnectionCap::stop_waiting(Member& member, TimePoint since, TimePoint now) {
  const std::lock_guard lock(mutex_);
  erase_wait(member, since);
  member.last_served_ = now;
  if (member.waiting_.empty()) set_due(member, 0);
}

void ConnectionCap::accept(Member& member, TimePoint since, TimePoint now) {
  const std::lock_guard lock(mutex_);
  assert(member.granted_ > 0);
  --member.granted_;
  erase_wait(member, since);
  member.last_served_ = now;
}

void ConnectionCap::decline(Member& member) {
  const std::lock_guard lock(mutex_);
  assert(member.granted_ > 0 && member.held_ > 0);
  --member.granted_;
  --member.held_;
  hand_on();
}

void ConnectionCap::press(Member& member, TimePoint now) {
  const std::lock_guard lock(mutex_);
  grow(now);
  if (deserves_busy(member, now)) {
    set_due(member, shortage(member));
    member.claimed_ = now;
  } else if (now - member.claimed_ >= turn() / 2) {
    set_due(member, 0);
  }
  if (deserves_idle(member, now)) ask_for_idle(member, now);
}

void ConnectionCap::opened(Member& member, Duration took, TimePoint now) {
  const std::lock_guard lock(mutex_);
  opening_ = opening_ == Duration{} ? took : (3 * opening_ + took) / 4;
  if (member.held_ == 1) member.only_since_ = now;
}

void ConnectionCap::release(Member& member) {
  const std::lock_guard lock(mutex_);
  assert(member.held_ > 0);
  --member.held_;
  hand_on();
}

bool ConnectionCap::refused(Member& member, TimePoint now) {
  const std::lock_guard lock(mutex_);
  assert(member.held_ > 0);
  --member.held_;
  --used_;
  const std::uint32_t others = used_;
  allow(std::max(1u, std::min(allowed(), others)));
  grow_after_ = grown_ ? std::min(2 * grow_after_, kSlowestGrowth) : kFirstGrowth;
  grow_at_ = now + grow_after_;
  grown_ = false;
  use_free_slots();
  return others > 0;
}

std::shared_ptr<ConnectionCap::Member> ConnectionCap::yield_busy(Member& member, TimePoint now) {
  if (claims_.load(std::memory_order_relaxed) == 0) return nullptr;
  const std::lock_guard lock(mutex_);
  auto heir = longest_waiting([&](const Member& other) {
    return &other != &member && other.due_ > 0 && owes(member, other, now);
  });
  if (!heir) return nullptr;
  --member.held_;
  ++heir->incoming_;
  set_due(*heir, heir->due_ - 1);
  return heir;
}

std::shared_ptr<ConnectionCap::Member> ConnectionCap::yield_idle(Member& member, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (member.idle_since.load(std::memory_order_relaxed) > now - kIdleLongEnough) return nullptr;
  auto heir = longest_waiting(
      [&](const Member& other) { return &other != &member && deserves_idle(other, now); });
  if (!heir) return nullptr;
  --member.held_;
  ++heir->incoming_;
  return heir;
}

void ConnectionCap::hand_over(const std::shared_ptr<Member>& heir) {
  const std::lock_guard lock(mutex_);
  assert(heir->incoming_ > 0);
  --heir->incoming_;
  if (used_ <= allowed() && waits_since(*heir)) {
    grant(heir);
  } else {
    hand_on();
  }
}

void ConnectionCap::set_limit(std::uint32_t limit) {
  const std::lock_guard lock(mutex_);
  const bool is_lowered = allowed() < limit_;  // by what the upstream said
  limit_ = limit;
  allow(is_lowered ? std::min(allowed(), limit) : limit);
  use_free_slots();
}

std::uint32_t ConnectionCap::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

/// Since when the first of the member's deliveries waits that no slot is on its way for.
std::optional<TimePoint> ConnectionCap::waits_since(const Member& member) {
  const std::size_t coming = std::size_t{member.granted_} + member.incoming_;
  if (member.waiting_.size() <= coming) return std::nullopt;
  return member.waiting_[coming];
}

void ConnectionCap::erase_wait(Member& member, TimePoint since) {
  const auto found = std::ranges::lower_bound(member.waiting_, since);
  if (found != member.waiting_.end() && *found == since) member.waiting_.erase(found);
}

/// None of its deliveries gets on: it has no connection, or those it has stay where they are.
bool ConnectionCap::is_starving(const Member& member, TimePoint now) const {
  return has_none(member) || now - member.last_served_ >= turn();
}

/// Is a connection that is idle elsewhere better closed, and one opened here?
bool ConnectionCap::deserves_idle(const Member& member, TimePoint now) const {
  const auto since = waits_since(member);
  if (!since) return false;
  return has_none(member) || now - *since >= std::max(kLeastWait, opening_);
}

/// Has it waited so long that others which are busy may have to give one up?
bool ConnectionCap::deserves_busy(const Member& member, TimePoint now) const {
  const auto since = waits_since(member);
  if (!since) return false;
  if (has_none(member)) return now - *since >= kPatience;
  return now - *since >= turn() && now - member.claimed_ >= turn();
}

/// Has `member` clearly more than its share, compared with `other`?
bool ConnectionCap::owes(const Member& member, const Member& other, TimePoint now) const {
  if (member.held_ > 1) {
    if (is_starving(other, now)) return true;
    // Shares are slots for what is in hand: after the move ours must not be the smaller one, or the
    // slot would come back.
    const std::uint64_t ours = member.held_ + member.waiting_.size();
    const std::uint64_t theirs = other.held_ + other.waiting_.size();
    return (member.held_ - 1) * theirs >= (other.held_ + other.incoming_ + 1) * ours;
  }
  // Its only one: for workers without any to take turns, and only if none has two.
  if (!has_none(other) || now - member.only_since_ < turn()) return false;
  const auto since = waits_since(other);
  const bool has_waited_in_vain = since && now - *since >= 2 * turn();
  return has_waited_in_vain ||
         std::ranges::none_of(members_, [](const auto& each) { return each->held_ > 1; });
}

/// Of the members that `deserves` says yes to, the one that waits longest. Null: there is none.
template <class Deserves>
std::shared_ptr<ConnectionCap::Member> ConnectionCap::longest_waiting(Deserves deserves) const {
  std::shared_ptr<Member> longest;
  TimePoint since = kNever;
  for (const auto& member : members_) {
    const auto waits = waits_since(*member);
    if (!waits || *waits >= since || !deserves(*member)) continue;
    longest = member;
    since = *waits;
  }
  return longest;
}

Duration ConnectionCap::turn() const {
  return std::clamp(kOpeningsATurn * opening_, kShortestTurn, kLongestTurn);
}

/// How many slots it has less than its share: that is by what each worker has in hand. At least 1.
std::uint32_t ConnectionCap::shortage(const Member& member) const {
  std::uint64_t slots = 0;
  std::uint64_t in_hand = 0;
  for (const auto& each : members_) {
    slots += each->held_;
    in_hand += each->held_ + each->waiting_.size();
  }
  const std::uint64_t share = slots * (member.held_ + member.waiting_.size()) / in_hand;
  const std::uint64_t has = member.held_ + member.incoming_;
  return static_cast<std::uint32_t>(share > has ? share - has : 1);
}

void ConnectionCap::set_due(Member& member, std::uint32_t due) {
  if ((member.due_ > 0) != (due > 0)) due > 0 ? ++claims_ : --claims_;
  member.due_ = due;
}

void ConnectionCap::ask_for_idle(const Member& member, TimePoint now) {
  std::shared_ptr<Member> longest;
  TimePoint since = now - kIdleLongEnough;
  for (const auto& other : members_) {
    const TimePoint idle_since = other->idle_since.load(std::memory_order_relaxed);
    if (other.get() == &member || idle_since > since) continue;
    longest = other;
    since = idle_since;
  }
  if (longest) post(longest, &Member::asked);
}

std::optional<ConnectionCap::Allowance> ConnectionCap::news() {
  const bool is_lowered = is_lowered_.load(std::memory_order_relaxed);
  if (is_lowered == told_lowered_.load(std::memory_order_relaxed)) return std::nullopt;
  if (told_lowered_.exchange(is_lowered) == is_lowered) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return Allowance{.allowed = allowed(), .limit = limit_};
}

void ConnectionCap::allow(std::uint32_t slots) {
  allowed_ = slots;
  is_lowered_ = slots < limit_;
}

void ConnectionCap::grow(TimePoint now) {
  if (allowed() >= limit_ || now < grow_at_) return;
  allow(allowed() + 1);
  grown_ = true;
  grow_at_ = now + grow_after_;
  use_free_slots();
}

void ConnectionCap::grant(const std::shared_ptr<Member>& member) {
  ++member->held_;
  ++member->granted_;
  post(member, &Member::granted);
}

/// A slot in use has no owner any more: it gets one, or is free.
void ConnectionCap::hand_on() {
  const auto next =
      used_ > allowed() ? nullptr : longest_waiting([](const Member&) { return true; });
  if (next) {
    grant(next);
  } else {
    --used_;
  }
}

void ConnectionCap::use_free_slots() {
  while (used_ < allowed()) {
    const auto next = longest_waiting([](const Member&) { return true; });
    if (!next) return;
    ++used_;
    grant(next);
  }
}

std::shared_ptr<ConnectionCap> ConnectionCaps::of(const config::Upstream& upstream,
                                                  std::string_view credential) {
  std::string key = upstream.name;
  if (!credential.empty()) key.append(1, '\0').append(credential);
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const Known& known) { return known.cap.expired(); });
  for (const Known& known : known_) {
    if (known.upstream != key) continue;
    if (auto cap = known.cap.lock()) {
      cap->set_limit(upstream.max_connections);
      cap->pace.configure(upstream.pace);
      return cap;
    }
  }
  auto cap = std::make_shared<ConnectionCap>(upstream.max_connections);
  cap->pace.configure(upstream.pace);
  known_.push_back({std::move(key), upstream.username, cap});
  return cap;
}

std::optional<Health::Diagnosis> ConnectionCaps::diagnosis(std::string_view upstream) const {
  const std::lock_guard lock(mutex_);
  for (const Known& known : known_) {
    const auto cap = known.upstream == upstream ? known.cap.lock() : nullptr;
    if (cap) return cap->health.diagnosis();
  }
  return std::nullopt;
}

std::vector<ConnectionCaps::TenantDiagnosis> ConnectionCaps::tenants_in_trouble(
    std::string_view upstream, std::size_t most) const {
  const std::string prefix = std::string(upstream) + '\0';
  std::vector<TenantDiagnosis> tenants;
  const std::lock_guard lock(mutex_);
  for (const Known& known : known_) {
    if (tenants.size() == most) break;
    const auto cap = known.upstream.starts_with(prefix) ? known.cap.lock() : nullptr;
    if (!cap) continue;
    if (auto diagnosis = cap->health.diagnosis()) {
      tenants.push_back({known.username, *std::move(diagnosis)});
    }
  }
  return tenants;
}

}  // namespace sallyport::relay
