// Threads for work that must not compete with the loops for the CPU.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sallyport::runtime {

/// A few threads of a lower scheduling priority than the rest of the process (nice, and
/// SCHED_BATCH). They are not libuv's: a thread cannot get its priority back without a privilege,
/// and name look-ups and file access must keep theirs. Thread-safe. Threads are started when there
/// is work for them.
class Threads {
 public:
  explicit Threads(std::size_t most);
  /// Waits until everything that was handed in has run.
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  /// Calls `work` on one of the threads, in the order of the calls. It must not throw.
  void run(std::function<void()> work);

 private:
  void serve();

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::size_t idle_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sallyport::runtime
