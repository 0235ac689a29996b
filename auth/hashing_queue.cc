#include "auth/hashing_queue.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::auth {
namespace {

constexpr std::string_view kBusy = "too many logins are waiting to be checked";

}  // namespace

HashingQueue::Options HashingQueue::Options::fit(std::size_t cpus, std::size_t pool_threads) {
  const std::size_t spare = pool_threads > 1 ? pool_threads - 1 : 1;
  const std::size_t running = std::clamp<std::size_t>(cpus, 1, spare);
  return {.most_running = running, .most_waiting = 64 * running};
}

HashingQueue::HashingQueue(Options options)
    : options_{.most_running = std::max<std::size_t>(options.most_running, 1),
               .most_waiting = options.most_waiting},
      waiting_(options.most_waiting) {}

runtime::Task<Result<bool>> HashingQueue::run(runtime::Loop& loop, std::uint64_t network,
                                              const CredentialsMac& key,
                                              const std::function<Result<bool>()>& work) {
  runtime::Event woken(loop);
  FlightPtr displaced;
  const FlightPtr flight = board(network, key, {&loop, &woken}, displaced);
  if (displaced) wake_all(*displaced, loop);
  if (!flight) co_return fail(ErrorCode::kLimit, std::string(kBusy));
  // No deadline: the line is bounded, and so is each piece of work before us.
  (void)co_await woken.wait();
  if (flight->leader.event != &woken || flight->refused) co_return flight->outcome;

  Result<bool> outcome = co_await loop.offload(std::ref(work));
  land(key, outcome, loop);
  co_return outcome;
}

HashingQueue::FlightPtr HashingQueue::board(std::uint64_t network, const CredentialsMac& key,
                                            const Waiter& self, FlightPtr& displaced) {
  const std::lock_guard lock(mutex_);
  if (const auto under_way = flights_.find(key); under_way != flights_.end()) {
    const FlightPtr& flight = under_way->second;
    flight->followers.push_back(self);
    // Who follows must not be refused for what the network of the one who leads has in line.
    if (flight->waiting && waiting_.move(flight, flight->network, network)) {
      flight->network = network;
    }
    return flight;
  }
  auto flight = std::make_shared<Flight>(key, network, self);
  if (running_ < options_.most_running) {
    ++running_;
    self.event->set();
  } else {
    auto admission = waiting_.push(network, flight);
    if (!admission.admitted) return nullptr;
    flight->waiting = true;
    if (admission.displaced) {
      displaced = std::move(*admission.displaced);
      flights_.erase(displaced->key);
      displaced->refused = true;
      displaced->outcome = fail(ErrorCode::kLimit, std::string(kBusy));
    }
  }
  flights_.emplace(key, flight);
  return flight;
}

void HashingQueue::land(const CredentialsMac& key, Result<bool> outcome, runtime::Loop& own) {
  FlightPtr flight;
  FlightPtr next;
  {
    const std::lock_guard lock(mutex_);
    const auto landed = flights_.find(key);
    flight = std::move(landed->second);
    flights_.erase(landed);
    // From here on nobody can join, and the followers read it only after they were woken.
    flight->outcome = std::move(outcome);
    if (auto first = waiting_.pop()) {
      next = std::move(*first);  // our place is handed over, not given up
      next->waiting = false;
    } else {
      --running_;
    }
  }
  if (next) wake(next->leader, own);
  for (const Waiter& follower : flight->followers) wake(follower, own);
}

void HashingQueue::wake_all(const Flight& flight, runtime::Loop& own) {
  wake(flight.leader, own);
  for (const Waiter& follower : flight.followers) wake(follower, own);
}

void HashingQueue::wake(const Waiter& waiter, runtime::Loop& own) {
  if (waiter.loop == &own) {
    waiter.event->set();
  } else {
    waiter.loop->post([event = waiter.event] { event->set(); });
  }
}

HashingQueue::Load HashingQueue::load() const {
  const std::lock_guard lock(mutex_);
  return {.running = running_, .waiting = waiting_.size()};
}

}  // namespace sallyport::auth
