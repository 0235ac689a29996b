#include "auth/hashing_queue.h"

#include <algorithm>
#include <utility>

namespace sallyport::auth {

HashingQueue::Options HashingQueue::Options::fit(std::size_t cpus, std::size_t pool_threads) {
  const std::size_t spare = pool_threads > 1 ? pool_threads - 1 : 1;
  const std::size_t running = std::clamp<std::size_t>(cpus, 1, spare);
  return {.most_running = running, .most_waiting = 64 * running};
}

HashingQueue::HashingQueue(Options options)
    : options_{.most_running = std::max<std::size_t>(options.most_running, 1),
               .most_waiting = options.most_waiting} {}

runtime::Task<Result<bool>> HashingQueue::run(runtime::Loop& loop, const CredentialsMac& key,
                                              const std::function<Result<bool>()>& work) {
  runtime::Event woken(loop);
  std::shared_ptr<Flight> flight;
  bool leads = false;
  {
    const std::lock_guard lock(mutex_);
    if (const auto under_way = flights_.find(key); under_way != flights_.end()) {
      flight = under_way->second;
      flight->followers.push_back({&loop, &woken});
    } else if (running_ < options_.most_running) {
      ++running_;
      woken.set();
      leads = true;
    } else if (waiting_.size() < options_.most_waiting) {
      waiting_.push_back({&loop, &woken});
      leads = true;
    } else {
      co_return fail(ErrorCode::kLimit, "too many logins are waiting to be checked");
    }
    if (leads) flights_.emplace(key, std::make_shared<Flight>());
  }
  // No deadline: the line is bounded, and so is each piece of work before us.
  (void)co_await woken.wait();
  if (!leads) co_return flight->outcome;

  Result<bool> outcome = co_await loop.offload(std::ref(work));
  land(key, outcome, loop);
  co_return outcome;
}

void HashingQueue::land(const CredentialsMac& key, Result<bool> outcome, runtime::Loop& own) {
  std::shared_ptr<Flight> flight;
  Waiter next;
  {
    const std::lock_guard lock(mutex_);
    const auto landed = flights_.find(key);
    flight = std::move(landed->second);
    flights_.erase(landed);
    // From here on nobody can join, and the followers read it only after they were woken.
    flight->outcome = std::move(outcome);
    if (waiting_.empty()) {
      --running_;
    } else {
      next = waiting_.front();  // our place is handed over, not given up
      waiting_.pop_front();
    }
  }
  if (next.loop != nullptr) wake(next, own);
  for (const Waiter& follower : flight->followers) wake(follower, own);
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
