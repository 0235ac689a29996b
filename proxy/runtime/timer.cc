#include "proxy/runtime/timer.h"

namespace sallyport::runtime {

Timer::~Timer() {
  if (index_ != kNotQueued) heap_.remove(*this);
}

void Timer::arm(TimePoint when) {
  when_ = when;
  if (when == kNever) return;
  if (index_ != kNotQueued) {
    if (queued_ <= when) return;  // fire() will find the new time when the old one comes
    heap_.remove(*this);
  }
  queued_ = when;
  heap_.insert(*this);
}

TimePoint TimerHeap::earliest() const {
  return timers_.empty() ? kNever : timers_.front()->queued_;
}

void TimerHeap::fire(TimePoint now) {
  while (!timers_.empty() && timers_.front()->queued_ <= now) {
    Timer& timer = *timers_.front();
    remove(timer);
    if (timer.when_ > now) {  // armed later, or disarmed, since it was queued
      timer.arm(timer.when_);
      continue;
    }
    timer.when_ = kNever;
    timer.fired_();  // may destroy the timer
  }
}

void TimerHeap::insert(Timer& timer) {
  timers_.push_back(&timer);
  sift_up(timers_.size() - 1, &timer);
}

void TimerHeap::remove(Timer& timer) {
  const std::size_t hole = timer.index_;
  timer.index_ = Timer::kNotQueued;
  Timer* const last = timers_.back();
  timers_.pop_back();
  if (last == &timer) return;
  const bool earlier_than_parent = hole > 0 && last->queued_ < timers_[(hole - 1) / 2]->queued_;
  earlier_than_parent ? sift_up(hole, last) : sift_down(hole, last);
}

void TimerHeap::put(std::size_t index, Timer* timer) {
  timers_[index] = timer;
  timer->index_ = index;
}

void TimerHeap::sift_up(std::size_t index, Timer* timer) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (timers_[parent]->queued_ <= timer->queued_) break;
    put(index, timers_[parent]);
    index = parent;
  }
  put(index, timer);
}

void TimerHeap::sift_down(std::size_t index, Timer* timer) {
  while (true) {
    std::size_t child = 2 * index + 1;
    if (child >= timers_.size()) break;
    if (child + 1 < timers_.size() && timers_[child + 1]->queued_ < timers_[child]->queued_)
      ++child;
    if (timer->queued_ <= timers_[child]->queued_) break;
    put(index, timers_[child]);
    index = child;
  }
  put(index, timer);
}

}  // namespace sallyport::runtime
