// The event loop: one a thread, on libuv. It resumes coroutines, keeps their deadlines, and takes
// work from other threads. Nothing here knows of mail. No libuv type leaves this room.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/runtime/task.h"
#include "proxy/runtime/timer.h"

struct uv_loop_s;  // NOLINT(readability-identifier-naming): libuv's

namespace sallyport::runtime {

class Threads;

/// Which clock a loop's deadlines follow.
enum class Time {
  kReal,
  /// For tests: time stands still while anything can run, then jumps to the next deadline.
  kVirtual,
};

/// One event loop. All functions but `post` belong to the thread that runs it.
class Loop {
 public:
  explicit Loop(Time time = Time::kReal);
  /// Settles, if that was not done, and closes libuv's loop, which must say that it was not busy.
  /// Requests that have not ended are left behind with the memory they use (`any_abandoned`).
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs `main` to its end, and everything else meanwhile. In virtual time a deadlock ends the
  /// process with a message.
  template <class T>
  T run(Task<T> main);

  /// Every task must have ended by now. Requests on the thread pool that no task waits for any more
  /// have half a second to end. After this the loop can only be destroyed, by any thread.
  void settle();

  /// Monotonic time, read once a turn of the loop.
  TimePoint now();
  /// `now() + span`.
  TimePoint after(Duration span) { return now() + span; }
  TimerHeap& timers() { return timers_; }

  /// Resumes `coroutine` in this turn, after what is queued already.
  void resume_soon(std::coroutine_handle<> coroutine) { ready_.push_back(coroutine); }
  /// `co_await next_turn()` resumes the caller after the loop has polled once more, behind
  /// everything that the poll made ready. For work that could go on for as long as a peer feeds it:
  /// what is resumed in this turn (`resume_soon`) still keeps the loop from polling.
  auto next_turn() {
    return SuspendWith{
        [this](std::coroutine_handle<> coroutine) { next_turn_.push_back(coroutine); }};
  }
  /// How often the loop has polled: two equal values were read in the same turn.
  std::uint64_t turns() const { return turns_; }
  /// Calls `work` on the loop's thread, soon. From any thread, while the loop lives.
  void post(std::function<void()> work);

  /// Calls `work` on the thread pool and gives what it returned (not void). It must own, or be sure
  /// to outlive, what it touches. Cannot be cancelled: keep it short or bounded.
  template <class Work>
  auto offload(Work work) -> Task<std::invoke_result_t<Work&>>;
  /// The same on threads of their own, which must outlive the call.
  template <class Work>
  auto offload(Threads& threads, Work work) -> Task<std::invoke_result_t<Work&>>;

  /// The loop's shared buffers. Whoever fills one hands out views that hold until the next
  /// suspension.
  enum class Scratch { kWire, kPlain };
  std::span<char> scratch(Scratch which);

  /// A buffer for octets that must outlive a suspension; give it back when done. Its capacity is
  /// reused.
  std::string take_buffer();
  void give_back(std::string buffer);

  /// Has any loop of this process left a request behind? Then a thread of the pool hangs, and
  /// `exit` would wait for it: only `_exit` ends the process.
  static bool any_abandoned();

  uv_loop_s* uv() { return uv_.get(); }

 private:
  struct Handles;

  void run_until(const bool& done);
  void turn(bool may_wait);
  void drain_ready();
  void run_posted();
  bool nothing_to_do();
  void jump_to_next_deadline();
  void queue_work(std::function<void()> work, std::coroutine_handle<> then);
  void queue_work(Threads& threads, std::function<void()> work, std::coroutine_handle<> then);

  const Time time_;
  std::unique_ptr<uv_loop_s> uv_;
  std::unique_ptr<Handles> handles_;
  std::vector<char> wire_scratch_;
  std::vector<char> plain_scratch_;
  std::vector<std::string> spare_buffers_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> resuming_;   // the batch of ready_ that is being resumed
  std::vector<std::coroutine_handle<>> next_turn_;  // resumed after the next poll
  std::uint64_t turns_ = 0;
  bool settled_ = false;
  TimerHeap timers_;
  std::optional<TimePoint> now_;  // unset: not read yet in this turn
  std::size_t offloaded_ = 0;

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
};

namespace detail {

template <class T>
Task<void> run_and_mark(Task<T> main, std::optional<T>& value, bool& done) {
  value.emplace(co_await std::move(main));
  done = true;
}

inline Task<void> run_and_mark(Task<void> main, bool& done) {
  co_await std::move(main);
  done = true;
}

}  // namespace detail

template <class T>
T Loop::run(Task<T> main) {
  bool done = false;
  if constexpr (std::is_void_v<T>) {
    Task<void> marked = detail::run_and_mark(std::move(main), done);
    resume_soon(marked.start());
    run_until(done);
  } else {
    std::optional<T> value;
    Task<void> marked = detail::run_and_mark(std::move(main), value, done);
    resume_soon(marked.start());
    run_until(done);
    return std::move(*value);  // NOLINT(bugprone-unchecked-optional-access): `done` says it is set
  }
}

template <class Work>
auto Loop::offload(Work work) -> Task<std::invoke_result_t<Work&>> {
  std::optional<std::invoke_result_t<Work&>> result;
  co_await SuspendWith{
      [&](std::coroutine_handle<> caller) { queue_work([&] { result.emplace(work()); }, caller); }};
  co_return std::move(*result);  // NOLINT(bugprone-unchecked-optional-access): the work has run
}

template <class Work>
auto Loop::offload(Threads& threads, Work work) -> Task<std::invoke_result_t<Work&>> {
  std::optional<std::invoke_result_t<Work&>> result;
  co_await SuspendWith{[&](std::coroutine_handle<> caller) {
    queue_work(threads, [&] { result.emplace(work()); }, caller);
  }};
  co_return std::move(*result);  // NOLINT(bugprone-unchecked-optional-access): the work has run
}

}  // namespace sallyport::runtime
