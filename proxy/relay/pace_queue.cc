#include "proxy/relay/pace_queue.h"

namespace sallyport::relay {

runtime::Task<bool> PaceQueue::turn(std::uint64_t units, TimePoint deadline, Caller caller,
                                    std::uint32_t max_waiting) {
  if (waiters_.empty() && pace_.try_take(units, loop_.now())) co_return true;
  // Nobody can go before that: it is no use to wait.
  if (pace_.ready(loop_.now()) >= deadline) co_return false;
  if (waiting_.value() >= static_cast<std::int64_t>(max_waiting)) co_return false;
  Waiter waiter(loop_, units);
  waiters_.push(caller.user, &waiter);
  if (waiters_.size() == 1) timer_.arm(pace_.ready(loop_.now()));
  {
    const auto waiting = waiting_.hold();
    const runtime::Cancellation::Wake wake(caller.gone, waiter.served);
    (void)co_await waiter.served.wait(deadline);
  }
  if (waiter.is_queued) {
    waiters_.remove(caller.user, &waiter);
    if (waiters_.empty()) timer_.disarm();
  }
  co_return waiter.may_go;
}

void PaceQueue::serve() {
  while (!waiters_.empty() && pace_.try_take(waiters_.front()->units, loop_.now())) {
    Waiter& next = *waiters_.take();
    next.is_queued = false;
    next.may_go = true;
    next.served.set();
  }
  if (!waiters_.empty()) timer_.arm(pace_.ready(loop_.now()));
}

void PaceQueue::cut_off() {
  timer_.disarm();
  while (!waiters_.empty()) {
    Waiter& waiter = *waiters_.take();
    waiter.is_queued = false;
    waiter.served.set();
  }
}

}  // namespace sallyport::relay
