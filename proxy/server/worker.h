// One worker: a thread with its loop, its listeners, its sessions and its upstream pools.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/config/load.h"
#include "proxy/runtime/loop_thread.h"
#include "proxy/server/shared.h"
#include "proxy/server/snapshot.h"

namespace sallyport::server {

/// Runs from construction until `drain` or `abort` has done its work. Functions are called from the
/// control thread; what they ask for happens on the worker's own.
class Worker {
 public:
  /// Tells what came of a call; on the worker's thread. `call` is the number it was made with.
  struct Callbacks {
    /// `prepare` and `commit` have done their work; `prepare` in vain if there are problems.
    std::function<void(std::uint64_t call, std::vector<config::Problem> problems)> answered;
    /// The worker has ended. `clean`: nothing had to be cut off.
    std::function<void(bool clean)> ended;
  };

  /// Serves nothing before the first `commit`. `shared` outlives the worker.
  Worker(const Shared& shared, Callbacks callbacks);
  /// Waits for the thread: `drain` or `abort` must have been called.
  ~Worker();

  /// Does all that can fail before `snapshot` is in force, and keeps it for `commit`.
  void prepare(Snapshot snapshot, std::uint64_t call);
  /// Serves new sessions by what was prepared; closes listeners that are no longer named.
  void commit(std::uint64_t call);
  /// Drops what was prepared. Not answered.
  void abandon();
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
  runtime::Task<void> main(runtime::Loop& loop);

  const Shared& shared_;
  const Callbacks callbacks_;
  std::atomic<Duration::rep> last_turn_;
  Body* body_ = nullptr;  // on the worker's thread, for as long as it runs
  std::unique_ptr<runtime::LoopThread> thread_;
};

}  // namespace sallyport::server
