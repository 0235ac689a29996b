// A thread with a loop of its own: what a worker runs on.
#pragma once

#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "proxy/runtime/loop.h"

namespace sallyport::runtime {

/// Starts a thread, makes a Loop on it and runs `main(loop)` to its end. The loop is closed by who
/// destroys this object, once the thread has ended: a descriptor's number is not given to another
/// thread before.
class LoopThread {
 public:
  explicit LoopThread(std::function<Task<void>(Loop&)> main);
  /// Waits for the thread: `main` must have been told to end.
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  /// Calls `work` on the thread, soon. After `main` has ended it is dropped.
  void post(std::function<void()> work);

 private:
  std::mutex mutex_;
  Loop* loop_ = nullptr;          // null once `main` has ended; guarded by mutex_
  std::optional<Loop> own_loop_;  // the thread's until it has ended
  std::thread thread_;
};

}  // namespace sallyport::runtime
