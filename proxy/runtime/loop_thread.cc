#include "proxy/runtime/loop_thread.h"

#include <csignal>

namespace sallyport::runtime {

LoopThread::LoopThread(std::function<Task<void>(Loop&)> main) {
  // Signals are for the control thread: what we block here, the new thread inherits.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::promise<void> started;
  std::future<void> has_started = started.get_future();
  thread_ = std::thread([this, main = std::move(main), started = std::move(started)]() mutable {
    Loop own_loop;
    loop_ = &own_loop;
    started.set_value();
    own_loop.run(main(own_loop));
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  });
  has_started.get();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LoopThread::~LoopThread() { thread_.join(); }

void LoopThread::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (loop_) loop_->post(std::move(work));
}

}  // namespace sallyport::runtime
