// Deadlines: a heap of timers that a loop looks at once a turn.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "proxy/base/clock.h"

namespace sallyport::runtime {

class Timer;

/// A binary heap of timers, earliest first. Not thread-safe: it belongs to one loop.
class TimerHeap {
 public:
  /// When something may have to fire; kNever if nothing is queued.
  TimePoint earliest() const;
  /// Calls every timer whose time has come by `now`. A call may arm, disarm or destroy any timer.
  void fire(TimePoint now);
  bool empty() const { return timers_.empty(); }

 private:
  friend class Timer;

  void insert(Timer& timer);
  void remove(Timer& timer);
  void put(std::size_t index, Timer* timer);
  void sift_up(std::size_t index, Timer* timer);
  void sift_down(std::size_t index, Timer* timer);

  std::vector<Timer*> timers_;
};

/// One deadline. Arming it later than before costs a store, not a heap operation: the heap looks at
/// it again when the old time comes. It must die before its heap.
class Timer {
 public:
  /// `fired` is called at most once for each time the timer is armed.
  Timer(TimerHeap& heap, std::function<void()> fired) : heap_(heap), fired_(std::move(fired)) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm(TimePoint when);
  void disarm() { when_ = kNever; }

 private:
  friend class TimerHeap;
  static constexpr std::size_t kNotQueued = static_cast<std::size_t>(-1);

  TimerHeap& heap_;
  std::function<void()> fired_;
  TimePoint when_ = kNever;    // when it should fire
  TimePoint queued_ = kNever;  // its key in the heap: never later than when_
  std::size_t index_ = kNotQueued;
};

}  // namespace sallyport::runtime
