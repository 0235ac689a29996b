#include "proxy/runtime/loop.h"

#include <uv.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "proxy/runtime/threads.h"

namespace sallyport::runtime {
namespace {

// A TLS record and its neighbours fit; more than the kernel gives in one read seldom helps.
constexpr std::size_t kWireScratch = 64 * 1024;
// What one wire read can decrypt to, with the record that was half read before.
constexpr std::size_t kPlainScratch = kWireScratch + 17 * 1024;
constexpr std::size_t kMostSpareBuffers = 16;
constexpr std::size_t kLargestSpareBuffer = 256 * 1024;
// What the end of a loop waits for requests that were given up.
constexpr std::chrono::milliseconds kLongestClose{500};

std::atomic<bool> abandoned{false};  // of the process, as libuv's thread pool is

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "sallyport: event loop: %s\n", what);
  std::abort();
}

}  // namespace

struct Loop::Handles {
  uv_timer_t timer{};
  uv_async_t async{};
  TimePoint timer_armed_for = kNever;
};

Loop::Loop(Time time)
    : time_(time),
      uv_(std::make_unique<uv_loop_s>()),
      handles_(std::make_unique<Handles>()),
      wire_scratch_(kWireScratch),
      plain_scratch_(kPlainScratch) {
  if (uv_loop_init(uv_.get()) != 0) die("cannot be made: out of descriptors or memory");
  uv_timer_init(uv_.get(), &handles_->timer);
  handles_->timer.data = &handles_->timer_armed_for;
  if (uv_async_init(uv_.get(), &handles_->async, [](uv_async_t*) {}) != 0) die("no wake-up handle");
}

void Loop::settle() {
  if (std::exchange(settled_, true)) return;
  run_posted();
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->async), nullptr);
  // Sockets close themselves in the background, and requests that were given up still finish.
  const auto give_up = [](uv_timer_t* timer) { uv_stop(timer->loop); };
  uv_update_time(uv_.get());
  uv_timer_start(&handles_->timer, give_up, kLongestClose.count(), 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(&handles_->timer));
  uv_run(uv_.get(), UV_RUN_DEFAULT);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->timer), nullptr);
  uv_run(uv_.get(), UV_RUN_NOWAIT);
}

Loop::~Loop() {
  settle();
  if (uv_loop_close(uv_.get()) == 0) return;
  if (uv_->active_reqs.count == 0) die("closed while something still uses it");
  // The thread that works on the request reports to the loop when it is done: both must stay, and
  // stay reachable, until the process ends.
  static std::mutex mutex;
  static auto& left_behind = *new std::vector<void*>;
  const std::lock_guard lock(mutex);
  left_behind.push_back(uv_.release());
  left_behind.push_back(handles_.release());
  abandoned = true;
}

bool Loop::any_abandoned() { return abandoned; }

TimePoint Loop::now() {
  if (!now_) now_ = std::chrono::steady_clock::now();
  return *now_;
}

void Loop::post(std::function<void()> work) {
  // The wake-up is sent under the lock: once the loop has taken the work, which may be its last,
  // nobody touches its handles any more.
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(work));
  uv_async_send(&handles_->async);
}

void Loop::run_posted() {
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(posted_mutex_);
    posted.swap(posted_);
  }
  for (const auto& work : posted) work();
}

void Loop::run_until(const bool& done) {
  while (true) {
    drain_ready();
    if (done) return;
    const bool outside_work = time_ == Time::kReal || offloaded_ > 0;
    turn(outside_work);
    // What the turn resumed may have handed work out itself.
    const bool idle = !outside_work && offloaded_ == 0;
    if (idle && !done && nothing_to_do()) jump_to_next_deadline();
  }
}

void Loop::turn(bool may_wait) {
  // The timer only bounds the wait; which deadlines have passed is decided after the poll, so that
  // octets that arrived in time win over a deadline seen in the same turn.
  if (time_ == Time::kReal && timers_.earliest() < handles_->timer_armed_for) {
    handles_->timer_armed_for = timers_.earliest();
    uv_update_time(uv_.get());
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
        handles_->timer_armed_for - std::chrono::steady_clock::now());
    const auto milliseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(wait.count(), 0));
    // libuv's clock has whole milliseconds and may fire a fraction early: then it is armed again.
    // It runs timers before it polls, and would then poll without end: uv_stop makes it look only.
    const auto fired = [](uv_timer_t* timer) {
      *static_cast<TimePoint*>(timer->data) = kNever;
      uv_stop(timer->loop);
    };
    uv_timer_start(&handles_->timer, fired, milliseconds, 0);
  }
  const bool idle = ready_.empty() && next_turn_.empty();
  uv_run(uv_.get(), may_wait && idle ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  ++turns_;
  if (time_ == Time::kReal) now_.reset();
  ready_.insert(ready_.end(), next_turn_.begin(), next_turn_.end());
  next_turn_.clear();
  run_posted();
  drain_ready();
  if (timers_.earliest() <= now()) timers_.fire(now());
}

void Loop::drain_ready() {
  while (!ready_.empty()) {
    resuming_.swap(ready_);
    for (const std::coroutine_handle<> coroutine : resuming_) coroutine.resume();
    resuming_.clear();
  }
}

void Loop::jump_to_next_deadline() {
  if (timers_.empty()) die("deadlock: every task waits, and no deadline is set");
  now_ = std::max(now(), timers_.earliest());
  timers_.fire(*now_);
}

bool Loop::nothing_to_do() {
  const std::lock_guard lock(posted_mutex_);
  return ready_.empty() && next_turn_.empty() && posted_.empty();
}

void Loop::queue_work(std::function<void()> work, std::coroutine_handle<> then) {
  struct Request {
    uv_work_t uv{};
    Loop* loop = nullptr;
    std::function<void()> work;
    std::coroutine_handle<> then;
  };
  auto request = std::make_unique<Request>();
  request->uv.data = request.get();
  request->loop = this;
  request->work = std::move(work);
  request->then = then;
  ++offloaded_;
  uv_queue_work(
      uv_.get(), &request.release()->uv,
      [](uv_work_t* uv) { static_cast<Request*>(uv->data)->work(); },
      [](uv_work_t* uv, int) {
        const std::unique_ptr<Request> finished(static_cast<Request*>(uv->data));
        --finished->loop->offloaded_;
        finished->loop->resume_soon(finished->then);
      });
}

void Loop::queue_work(Threads& threads, std::function<void()> work, std::coroutine_handle<> then) {
  ++offloaded_;
  threads.run([this, work = std::move(work), then] {
    work();
    post([this, then] {
      --offloaded_;
      resume_soon(then);
    });
  });
}

std::span<char> Loop::scratch(Scratch which) {
  return which == Scratch::kWire ? wire_scratch_ : plain_scratch_;
}

std::string Loop::take_buffer() {
  if (spare_buffers_.empty()) return {};
  std::string buffer = std::move(spare_buffers_.back());
  spare_buffers_.pop_back();
  return buffer;
}

void Loop::give_back(std::string buffer) {
  if (spare_buffers_.size() >= kMostSpareBuffers || buffer.capacity() > kLargestSpareBuffer) return;
  buffer.clear();
  spare_buffers_.push_back(std::move(buffer));
}

}  // namespace sallyport::runtime
