// Password hashing is the most expensive thing a stranger can make us do. The queue bounds how much
// of it runs at once in the process and how long it may be waited for, shares it out among the
// networks that ask, and does the same piece of it only once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "auth/fair_queue.h"
#include "auth/verified_cache.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"
#include "proxy/runtime/threads.h"

namespace sallyport::auth {

/// Slow work, at most so much of it at a time, for all loops of the process, on threads that stand
/// back behind the loops. Who waits is ordered by FairQueue: networks take turns, and networks that
/// logged in lately have turns of their own. Places are as many as can be served in `longest_wait`
/// at the pace of the last hashes. Thread-safe. It must outlive every `run`, and every loop must
/// outlive its own `run`s.
class HashingQueue {
 public:
  using Work = std::function<Result<bool>()>;
  /// Runs a piece of work off the loop and gives what it returned. For tests: a hash in virtual
  /// time.
  using Runner = std::function<runtime::Task<Result<bool>>(runtime::Loop& loop, const Work& work)>;

  struct Options {
    std::size_t most_running = 1;  ///< Hashes computed at one time; see `fit`.
    /// For a hash to begin. Clients wait for a minute or more; a person does not.
    Duration longest_wait = std::chrono::seconds(30);
    Duration usual_cost = std::chrono::milliseconds(50);  ///< Of a hash, until some were measured.
    Runner runner = {};                                   ///< Unset: threads of our own.

    /// As many at a time as there are CPUs.
    static Options fit(std::size_t cpus);
  };
  struct Load {
    std::size_t running = 0;
    std::size_t waiting = 0;
  };

  explicit HashingQueue(Options options);

  /// Calls `work` off the loop when its turn comes, and gives what it returned. A `key` that is
  /// already under way is waited for instead: a thousand clients that come back at once after a
  /// restart with the same credentials cost one hash. Suspends.
  ///
  /// `place`: of the client that asks. kLimit when too much waits, at once or, when another network
  /// needs the place or the turn does not come in time, later.
  ///
  /// `key` decides the result: the same key must mean the same work. `work` must not throw, and
  /// must live until the task returns.
  runtime::Task<Result<bool>> run(runtime::Loop& loop, const Place& place,
                                  const CredentialsMac& key, const Work& work);

  /// For a shutdown, from any thread: what waits, now or later, is refused with kCancelled. Hashes
  /// that are being computed are finished.
  void close();

  Load load() const;

 private:
  bool is_closed() const;
  /// An event in a suspended frame, to be set on its own loop.
  struct Waiter {
    runtime::Loop* loop = nullptr;
    runtime::Event* event = nullptr;
  };
  /// One piece of work, the run that does it, and the others that wait for its result.
  struct Flight {
    CredentialsMac key;
    Place place;  // where it waits
    Waiter leader;
    bool waiting = false;
    Result<bool> outcome = false;
    std::vector<Waiter> followers = {};
  };
  using FlightPtr = std::shared_ptr<Flight>;

  /// The flight that `self` joins or leads, which may take another one's place; null: no room.
  FlightPtr board(const Place& place, const CredentialsMac& key, const Waiter& self,
                  FlightPtr& displaced);
  /// `self` waits no longer; false: it is being woken already.
  bool leave(const FlightPtr& flight, const Waiter& self);
  /// Takes a flight that waits no more out of the books.
  void refuse(Flight& flight, Result<bool> why);
  static void wake(const Waiter& waiter, runtime::Loop* own);
  static void wake_all(const Flight& flight, runtime::Loop* own);
  void land(const CredentialsMac& key, Result<bool> outcome, Duration took, runtime::Loop& own);
  std::size_t most_running() const { return std::max<std::size_t>(options_.most_running, 1); }
  /// How many can wait and still be served in time.
  std::size_t places() const;

  const Options options_;
  runtime::Threads threads_;
  mutable std::mutex mutex_;
  bool closed_ = false;
  Duration usual_cost_;  // a moving average
  std::size_t running_ = 0;
  FairQueue<FlightPtr> waiting_;  // for a thread
  std::unordered_map<CredentialsMac, FlightPtr, MacHash, MacEqual> flights_;
};

}  // namespace sallyport::auth
