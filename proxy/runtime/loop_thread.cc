#include "proxy/runtime/loop_thread.h"

#include <csignal>

namespace sallyport::runtime {

LoopThread::LoopThread(std::function<Task<void>(Loop&)> main) {
  // Signals are for the control thread: what we block here, the new thread inherits.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::promise<Loop*> started;
  std::future<Loop*> loop = started.get_future();
  thread_ = std::thread([main = std::move(main), started = std::move(started)]() mutable {
    Loop own_loop;
    started.set_value(&own_loop);
    own_loop.run(main(own_loop));
  });
  loop_ = loop.get();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LoopThread::~LoopThread() { thread_.join(); }

}  // namespace sallyport::runtime
