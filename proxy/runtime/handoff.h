// A value that another thread hands to a coroutine of a loop.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"

namespace sallyport::runtime {

/// Carries one value from any thread to one coroutine, which may stop waiting before it is there.
/// Made by `make_shared`: the thread that gives and the coroutine that waits own it together.
template <class T>
class Handoff : public std::enable_shared_from_this<Handoff<T>> {
 public:
  /// On the thread of `loop`, which outlives the wait.
  explicit Handoff(Loop& loop) : loop_(loop) {}

  /// Is it this loop that waits?
  bool is_for(const Loop& loop) const { return &loop_ == &loop; }

  /// Gives the value, from any thread, once. If nobody waits any more it is dropped.
  void give(T value) {
    const std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    // While somebody waits, the loop lives.
    if (waiting_ != nullptr) loop_.post([self = this->shared_from_this()] { self->wake(); });
  }

  /// The value, or nullopt when `deadline` passes before it is there. On the loop's thread, once.
  Task<std::optional<T>> wait(TimePoint deadline) {
    const auto self = this->shared_from_this();
    Event given(loop_);
    if (!begin_waiting(given)) (void)co_await given.wait(deadline);
    co_return end_waiting();
  }

 private:
  /// True: the value is there already.
  bool begin_waiting(Event& given) {
    const std::lock_guard lock(mutex_);
    if (value_) return true;
    waiting_ = &given;
    return false;
  }

  std::optional<T> end_waiting() {
    const std::lock_guard lock(mutex_);
    waiting_ = nullptr;
    return std::move(value_);
  }

  void wake() {
    const std::lock_guard lock(mutex_);
    if (waiting_ != nullptr) waiting_->set();
  }

  Loop& loop_;
  std::mutex mutex_;
  Event* waiting_ = nullptr;
  std::optional<T> value_;
};

}  // namespace sallyport::runtime
