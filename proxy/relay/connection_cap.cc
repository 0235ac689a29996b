#include "proxy/relay/connection_cap.h"

#include <algorithm>
#include <cassert>

namespace sallyport::relay {
namespace {

// How long a worker without any connection waits before others that are busy give one up.
constexpr Duration kPatience = std::chrono::seconds(1);

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
  waiting_ -= static_cast<std::uint32_t>(member->waiting_.size());
  member->waiting_.clear();
}

bool ConnectionCap::try_take(Member& member) {
  const std::lock_guard lock(mutex_);
  if (used_ >= limit_) return false;
  ++used_;
  ++member.held_;
  return true;
}

void ConnectionCap::wait(Member& member, TimePoint now) {
  const std::lock_guard lock(mutex_);
  member.waiting_.push_back(now);
  ++waiting_;
  if (used_ < limit_) {  // one came free since `try_take`
    ++used_;
    hand_on();
  } else {
    ask_another(member);
  }
}

void ConnectionCap::stop_waiting(Member& member) {
  const std::lock_guard lock(mutex_);
  if (member.waiting_.empty()) return;  // a slot is on its way, and will be released
  member.waiting_.pop_front();
  --waiting_;
}

void ConnectionCap::release(Member& member) {
  const std::lock_guard lock(mutex_);
  assert(member.held_ > 0);
  --member.held_;
  hand_on();
}

bool ConnectionCap::should_yield(Member& member, TimePoint now) {
  if (waiting_.load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard lock(mutex_);
  const Member* const other = longest_waiting(&member);
  if (other == nullptr || waiting_ - member.waiting_.size() <= yielding_) return false;
  const bool is_rich = member.waiting_.empty() || member.held_ > other->held_ + 1;
  const bool is_poor = other->held_ == 0 && now - other->waiting_.front() > kPatience;
  if (!is_rich && !is_poor) return false;
  --member.held_;
  ++yielding_;
  return true;
}

void ConnectionCap::release_yielded() {
  const std::lock_guard lock(mutex_);
  assert(yielding_ > 0);
  --yielding_;
  hand_on();
}

void ConnectionCap::decline(const Member& member) {
  const std::lock_guard lock(mutex_);
  if (waiting_ > yielding_) ask_another(member);
}

void ConnectionCap::set_limit(std::uint32_t limit) {
  const std::lock_guard lock(mutex_);
  limit_ = limit;
  while (used_ < limit_ && longest_waiting(nullptr) != nullptr) {
    ++used_;
    hand_on();
  }
}

std::uint32_t ConnectionCap::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

ConnectionCap::Member* ConnectionCap::longest_waiting(const Member* except) const {
  Member* longest = nullptr;
  for (const auto& member : members_) {
    if (member.get() == except || member->waiting_.empty()) continue;
    if (longest == nullptr || member->waiting_.front() < longest->waiting_.front()) {
      longest = member.get();
    }
  }
  return longest;
}

/// A slot in use has no owner any more: it gets one, or is free.
void ConnectionCap::hand_on() {
  Member* const next = used_ > limit_ ? nullptr : longest_waiting(nullptr);
  if (next == nullptr) {
    --used_;
    return;
  }
  next->waiting_.pop_front();
  --waiting_;
  ++next->held_;
  post(*std::ranges::find(members_, next, &std::shared_ptr<Member>::get), &Member::granted);
}

void ConnectionCap::ask_another(const Member& than) {
  std::shared_ptr<Member> richest;
  for (const auto& member : members_) {
    if (member.get() == &than || member->idle.load(std::memory_order_relaxed) == 0) continue;
    if (!richest || member->idle > richest->idle) richest = member;
  }
  if (richest) post(richest, &Member::asked);
}

std::shared_ptr<ConnectionCap> ConnectionCaps::of(const config::Upstream& upstream) {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const Known& known) { return known.cap.expired(); });
  for (const Known& known : known_) {
    if (known.upstream != upstream.name) continue;
    if (auto cap = known.cap.lock()) {
      cap->set_limit(upstream.max_connections);
      return cap;
    }
  }
  auto cap = std::make_shared<ConnectionCap>(upstream.max_connections);
  known_.push_back({upstream.name, cap});
  return cap;
}

}  // namespace sallyport::relay
