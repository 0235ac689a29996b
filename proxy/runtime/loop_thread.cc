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
    own_loop_.emplace();
    loop_ = &*own_loop_;
    started.set_value();
    own_loop_->run(main(*own_loop_));
    {
      const std::lock_guard lock(mutex_);
      loop_ = nullptr;
    }
    own_loop_->settle();
  });
  has_started.get();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LoopThread::~LoopThread() { thread_.join(); }  // and only then the loop's descriptors are closed

void LoopThread::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (loop_) loop_->post(std::move(work));
}

}  // namespace sallyport::runtime
