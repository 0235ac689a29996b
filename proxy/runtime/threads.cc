#include "proxy/runtime/threads.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace sallyport::runtime {
namespace {

// A third of a loop's share when both want the same CPU, all of it when the CPU is free.
constexpr int kNicer = 5;
constexpr int kNicest = 19;

/// Lowers the priority of the calling thread; Linux has one for each thread. Where that is not
/// allowed the thread works as it is.
void step_back() {
  const auto thread = static_cast<id_t>(gettid());
  setpriority(PRIO_PROCESS, thread, std::min(getpriority(PRIO_PROCESS, thread) + kNicer, kNicest));
  // It never preempts a thread that wakes up, as loops do for each message.
  const sched_param none{};
  sched_setscheduler(0, SCHED_BATCH, &none);
}

}  // namespace

Threads::Threads(std::size_t most) : most_(std::max<std::size_t>(most, 1)) {}

Threads::~Threads() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Threads::run(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(work));
  if (idle_ < waiting_.size() && threads_.size() < most_) {
    threads_.emplace_back([this] { serve(); });
  }
  changed_.notify_one();
}

void Threads::serve() {
  step_back();
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    const std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace sallyport::runtime
