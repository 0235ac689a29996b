// Task<T>: a lazy coroutine that is awaited exactly once. It starts when awaited, runs on the
// thread of who awaits it, and ends by returning: suspended frames are never destroyed.
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "proxy/runtime/frame_cache.h"

namespace sallyport::runtime {

template <class T>
class Task;

namespace detail {

/// What all promises share: where to go on, and where the frame's memory comes from.
class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return FrameCache::allocate(size); }
  static void operator delete(void* frame, std::size_t size) { FrameCache::release(frame, size); }

  std::suspend_always initial_suspend() noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) noexcept {
      return finished.promise().continuation_;
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }

  // Errors are values here; what still throws is memory exhaustion or a fault of ours.
  void unhandled_exception() noexcept { std::terminate(); }

  void continue_with(std::coroutine_handle<> continuation) { continuation_ = continuation; }

 private:
  std::coroutine_handle<> continuation_ = std::noop_coroutine();
};

template <class T>
class Promise : public PromiseBase {
 public:
  Task<T> get_return_object();
  void return_value(T value) { value_.emplace(std::move(value)); }
  T take() {
    // Only a finished coroutine is taken from. NOLINTNEXTLINE(bugprone-unchecked-optional-access)
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() {}
  void take() {}
};

}  // namespace detail

/// A unit of work that gives a T. Move-only. Reference and view arguments of the coroutine must
/// name things that live until it returns; whoever awaits it at once keeps that rule for free.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task(Task&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), started_(other.started_) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(started_, other.started_);
    return *this;
  }
  ~Task() {
    if (!handle_) return;
    assert(!started_ || handle_.done());  // a suspended frame would leave its awaiters dangling
    handle_.destroy();
  }

  /// `co_await std::move(task)`, or a call awaited at once.
  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> handle;
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> continuation) noexcept {
        handle.promise().continue_with(continuation);
        return handle;
      }
      T await_resume() { return handle.promise().take(); }
    };
    started_ = true;
    return Awaiter{handle_};
  }

  /// For the loop alone: the frame of a task that is started without being awaited.
  std::coroutine_handle<> start() {
    started_ = true;
    return handle_;
  }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
  bool started_ = false;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

/// Suspends the awaiting coroutine and hands its handle to `suspend`, which keeps it to resume
/// later.
template <class Suspend>
struct SuspendWith {
  Suspend suspend;
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) { suspend(coroutine); }
  void await_resume() noexcept {}
};
template <class Suspend>
SuspendWith(Suspend) -> SuspendWith<Suspend>;

}  // namespace sallyport::runtime
