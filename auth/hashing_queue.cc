#include "auth/hashing_queue.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::auth {
namespace {

constexpr std::string_view kBusy = "too many logins are waiting to be checked";
// Each hash moves the average by a sixteenth of the difference.
constexpr int kSmoothing = 16;
// Measured times are kept within these: a clock that jumps must not close or flood the queue.
constexpr Duration kCheapest = std::chrono::milliseconds(1);
constexpr Duration kDearest = std::chrono::seconds(10);

Result<bool> busy() { return fail(ErrorCode::kLimit, std::string(kBusy)); }

Result<bool> stopping() { return fail(ErrorCode::kCancelled, "sallyport is stopping"); }

}  // namespace

HashingQueue::Options HashingQueue::Options::fit(std::size_t cpus) {
  Options options;
  options.most_running = std::max<std::size_t>(cpus, 1);
  return options;
}

HashingQueue::HashingQueue(Options options)
    : options_(std::move(options)),
      threads_(options_.most_running),
      usual_cost_(options_.usual_cost) {}

runtime::Task<Result<bool>> HashingQueue::run(runtime::Loop& loop, const Place& place,
                                              const CredentialsMac& key, const Work& work) {
  runtime::Event woken(loop);
  const Waiter self{&loop, &woken};
  FlightPtr displaced;
  const FlightPtr flight = board(place, key, self, displaced);
  if (displaced) wake_all(*displaced, &loop);
  if (!flight) co_return is_closed() ? stopping() : busy();
  const auto in_time = co_await woken.wait(loop.after(options_.longest_wait));
  if (!in_time) {
    if (leave(flight, self)) co_return busy();
    // Another thread has our event in hand: it must be set before this frame ends. For one that
    // follows a hash this is the hash's own time.
    (void)co_await woken.wait();
  }
  if (flight->leader.event != &woken || !flight->outcome) co_return flight->outcome;

  const TimePoint began = loop.now();
  Result<bool> outcome = options_.runner ? co_await options_.runner(loop, work)
                                         : co_await loop.offload(threads_, std::ref(work));
  land(key, outcome, loop.now() - began, loop);
  co_return outcome;
}

std::size_t HashingQueue::places() const {
  if (closed_) return 0;
  const auto at_once = static_cast<Duration::rep>(most_running());
  return static_cast<std::size_t>(options_.longest_wait * at_once /
                                  std::max(usual_cost_, kCheapest));
}

HashingQueue::FlightPtr HashingQueue::board(const Place& place, const CredentialsMac& key,
                                            const Waiter& self, FlightPtr& displaced) {
  const std::lock_guard lock(mutex_);
  if (const auto under_way = flights_.find(key); under_way != flights_.end()) {
    const FlightPtr& flight = under_way->second;
    flight->followers.push_back(self);
    // A client that follows must not be refused for what the network of the first has in line.
    if (flight->waiting && waiting_.move(flight, flight->place, place)) flight->place = place;
    return flight;
  }
  auto flight = std::make_shared<Flight>(key, place, self);
  if (running_ < most_running()) {
    ++running_;
    self.event->set();
  } else {
    auto admission = waiting_.push(place, flight, places());
    if (!admission.admitted) return nullptr;
    flight->waiting = true;
    if (admission.displaced) {
      displaced = std::move(*admission.displaced);
      refuse(*displaced, busy());
    }
  }
  flights_.emplace(key, flight);
  return flight;
}

bool HashingQueue::leave(const FlightPtr& flight, const Waiter& self) {
  const std::lock_guard lock(mutex_);
  const auto it_is_us = [&](const Waiter& waiter) { return waiter.event == self.event; };
  const auto under_way = flights_.find(flight->key);
  if (under_way == flights_.end() || under_way->second != flight) return false;
  if (!it_is_us(flight->leader)) return std::erase_if(flight->followers, it_is_us) > 0;
  if (!flight->waiting) return false;
  if (flight->followers.empty()) {
    (void)waiting_.remove(flight, flight->place);
    refuse(*flight, busy());
  } else {
    // Its own work, as ours ends with our frame.
    flight->leader = flight->followers.front();
    flight->followers.erase(flight->followers.begin());
  }
  return true;
}

void HashingQueue::refuse(Flight& flight, Result<bool> why) {
  flights_.erase(flight.key);
  flight.waiting = false;
  flight.outcome = std::move(why);
}

void HashingQueue::close() {
  std::vector<FlightPtr> refused;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    while (auto flight = waiting_.pop()) {
      refuse(**flight, stopping());
      refused.push_back(std::move(*flight));
    }
  }
  for (const FlightPtr& flight : refused) wake_all(*flight, nullptr);
}

void HashingQueue::land(const CredentialsMac& key, Result<bool> outcome, Duration took,
                        runtime::Loop& own) {
  FlightPtr flight;
  FlightPtr next;
  {
    const std::lock_guard lock(mutex_);
    usual_cost_ += (std::clamp(took, kCheapest, kDearest) - usual_cost_) / kSmoothing;
    const auto landed = flights_.find(key);
    flight = std::move(landed->second);
    flights_.erase(landed);
    // From here on none can join, and the followers read it only after they were woken.
    flight->outcome = std::move(outcome);
    if (auto first = waiting_.pop()) {
      next = std::move(*first);  // our place is handed over, not given up
      next->waiting = false;
    } else {
      --running_;
    }
  }
  if (next) wake(next->leader, &own);
  for (const Waiter& follower : flight->followers) wake(follower, &own);
}

void HashingQueue::wake_all(const Flight& flight, runtime::Loop* own) {
  wake(flight.leader, own);
  for (const Waiter& follower : flight.followers) wake(follower, own);
}

void HashingQueue::wake(const Waiter& waiter, runtime::Loop* own) {
  if (waiter.loop == own) {
    waiter.event->set();
  } else {
    waiter.loop->post([event = waiter.event] { event->set(); });
  }
}

bool HashingQueue::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

HashingQueue::Load HashingQueue::load() const {
  const std::lock_guard lock(mutex_);
  return {.running = running_, .waiting = waiting_.size()};
}

}  // namespace sallyport::auth
