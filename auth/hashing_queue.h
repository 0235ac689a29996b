// Password hashing is the most expensive thing a stranger can make us do. The queue bounds how much
// of it runs at once in the process, how much may wait, shares that out among those who ask, and
// does the same piece of it only once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "auth/fair_queue.h"
#include "auth/verified_cache.h"
#include "proxy/base/result.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"

namespace sallyport::auth {

/// Slow work, at most so much of it at a time, for all loops of the process. The networks that ask
/// take turns, and when too much waits, who has most in line is refused first: a flood of wrong
/// passwords from one network keeps no user of another from logging in. Thread-safe. It must
/// outlive every `run`, and every loop must outlive its own `run`s.
class HashingQueue {
 public:
  struct Options {
    std::size_t most_running = 1;   ///< Hashes computed at one time; see `fit`.
    std::size_t most_waiting = 64;  ///< Hashes that wait for a thread; past it one is refused.

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
  /// come back at once after a restart cost one hash. Suspends.
  ///
  /// `network`: who asks, as IpAddress::network has it. kLimit when too much waits, at once or,
  /// when another network needs the place, later.
  ///
  /// `key` decides the result: the same key must mean the same work. `work` must not throw, and
  /// must live until the task returns.
  runtime::Task<Result<bool>> run(runtime::Loop& loop, std::uint64_t network,
                                  const CredentialsMac& key,
                                  const std::function<Result<bool>()>& work);

  Load load() const;

 private:
  /// An event in a suspended frame, to be set on its own loop.
  struct Waiter {
    runtime::Loop* loop = nullptr;
    runtime::Event* event = nullptr;
  };
  /// One piece of work, who does it, and who else waits for its result.
  struct Flight {
    CredentialsMac key;
    std::uint64_t network = 0;  // in whose line it waits
    Waiter leader;
    bool waiting = false;
    bool refused = false;
    Result<bool> outcome = false;
    std::vector<Waiter> followers = {};
  };
  using FlightPtr = std::shared_ptr<Flight>;

  /// The flight that `self` joins or leads, which may take another one's place; null: no room.
  FlightPtr board(std::uint64_t network, const CredentialsMac& key, const Waiter& self,
                  FlightPtr& displaced);
  static void wake(const Waiter& waiter, runtime::Loop& own);
  static void wake_all(const Flight& flight, runtime::Loop& own);
  void land(const CredentialsMac& key, Result<bool> outcome, runtime::Loop& own);

  const Options options_;
  mutable std::mutex mutex_;
  std::size_t running_ = 0;
  FairQueue<FlightPtr> waiting_;  // for a thread
  std::unordered_map<CredentialsMac, FlightPtr, MacHash, MacEqual> flights_;
};

}  // namespace sallyport::auth
