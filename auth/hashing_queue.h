// Password hashing is the most expensive thing a stranger can make us do. The queue bounds how much
// of it runs at once in the process, how much may wait, and does the same piece of it only once.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "auth/verified_cache.h"
#include "proxy/base/result.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"

namespace sallyport::auth {

/// Slow work, at most so much of it at a time, first come first served, for all loops of the
/// process. Thread-safe. It must outlive every `run`, and every loop must outlive its own `run`s.
class HashingQueue {
 public:
  struct Options {
    std::size_t most_running = 1;   ///< Hashes computed at one time; see `fit`.
    std::size_t most_waiting = 64;  ///< Hashes that wait for a thread; the next one is refused.

    /// As many at a time as there are CPUs, but never the whole thread pool: name look-ups and file
    /// access need a thread, too. 64 may wait for each: at 30 ms a hash the last waits 2 s.
    static Options fit(std::size_t cpus, std::size_t pool_threads);
  };
  struct Load {
    std::size_t running = 0;
    std::size_t waiting = 0;
  };

  explicit HashingQueue(Options options);

  /// Calls `work` on the thread pool when its turn comes, and gives what it returned. Whoever asks
  /// with a `key` that is already under way waits for that answer instead: a thousand clients that
  /// come back at once after a restart cost one hash. kLimit when too much waits already. Suspends.
  ///
  /// `key` decides the result: the same key must mean the same work. `work` must not throw, and
  /// must live until the task returns.
  runtime::Task<Result<bool>> run(runtime::Loop& loop, const CredentialsMac& key,
                                  const std::function<Result<bool>()>& work);

  Load load() const;

 private:
  /// An event in a suspended frame, to be set on its own loop.
  struct Waiter {
    runtime::Loop* loop = nullptr;
    runtime::Event* event = nullptr;
  };
  /// One piece of work, and who waits for its result besides the one that does it.
  struct Flight {
    Result<bool> outcome = false;
    std::vector<Waiter> followers;
  };

  static void wake(const Waiter& waiter, runtime::Loop& own);
  void land(const CredentialsMac& key, Result<bool> outcome, runtime::Loop& own);

  const Options options_;
  mutable std::mutex mutex_;
  std::size_t running_ = 0;
  std::deque<Waiter> waiting_;  // each leads a flight and is in line for a thread
  std::unordered_map<CredentialsMac, std::shared_ptr<Flight>, MacHash, MacEqual> flights_;
};

}  // namespace sallyport::auth
