// One worker: a thread with its loop, its listeners, its sessions and its upstream pools.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "proxy/base/result.h"
#include "proxy/runtime/loop_thread.h"
#include "proxy/server/shared.h"
#include "proxy/server/snapshot.h"

namespace sallyport::server {

/// Runs from construction until `drain` or `abort` has done its work. Functions are called from the
/// control thread; what they ask for happens on the worker's own.
class Worker {
 public:
  /// What a worker tells; called on the worker's thread.
  struct Callbacks {
    /// The snapshot that was handed in is in force, or why its listeners could not be opened; then
    /// the listeners that could are.
    std::function<void(Result<void>)> applied;
    /// The worker has ended. `clean`: no session had to be cut off.
    std::function<void(bool clean)> ended;
  };

  /// `shared` outlives the worker.
  Worker(const Shared& shared, Snapshot first, Callbacks callbacks);
  /// Waits for the thread: `drain` or `abort` must have been called.
  ~Worker();

  /// Serves new sessions by `snapshot`; opens and closes listeners to match. Answers by `applied`.
  void apply(Snapshot snapshot);
  /// Stops accepting, lets transactions end, and ends; what is not done after `at_most` is cut off.
  void drain(Duration at_most);
  /// Cuts everything off now.
  void abort();

  /// Asks the loop for a sign of life.
  void ping();
  /// When the loop last gave one.
  TimePoint last_sign_of_life() const { return TimePoint(Duration(last_turn_.load())); }

 private:
  class Body;
  runtime::Task<void> main(runtime::Loop& loop, Snapshot first);

  const Shared& shared_;
  const Callbacks callbacks_;
  std::atomic<Duration::rep> last_turn_;
  Body* body_ = nullptr;  // on the worker's thread, for as long as it runs
  std::unique_ptr<runtime::LoopThread> thread_;
};

}  // namespace sallyport::server
