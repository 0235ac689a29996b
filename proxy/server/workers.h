// All workers together: what the control thread asks of each, and what has to come back of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/config/load.h"
#include "proxy/runtime/in_flight.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"
#include "proxy/server/shared.h"
#include "proxy/server/snapshot.h"
#include "proxy/server/worker.h"

namespace sallyport::server {

/// Belongs to the control thread's loop. What it waits for has a deadline.
class Workers {
 public:
  /// `shared` and `loop` outlive it. `ended` is called on the loop each time that a worker has
  /// ended.
  Workers(runtime::Loop& loop, const Shared& shared, std::function<void()> ended)
      : loop_(loop), shared_(shared), on_ended_(std::move(ended)), answers_(loop) {}

  /// Starts so many. They serve nothing yet.
  void start(unsigned count);
  std::size_t size() const { return workers_.size(); }

  /// Every worker does all that can fail before `snapshot` is in force. With any problem nothing
  /// has changed: then, as always after it, either `commit` or `abandon` follows. A worker that has
  /// not answered by `deadline` is a problem, too.
  runtime::Task<std::vector<config::Problem>> prepare(Snapshot snapshot, TimePoint deadline);
  /// Puts what was prepared in force in every worker; kTimeout if one has not answered by
  /// `deadline`: it will, as soon as its loop turns.
  runtime::Task<Result<void>> commit(TimePoint deadline);
  void abandon();
  /// The process ends: `prepare` and `commit` wait for nothing any more, and fail.
  void cancel();

  /// Asks every worker for a sign of life.
  void ping();
  /// The error names a worker whose loop has not turned for `longest_turn`.
  Result<void> live(Duration longest_turn) const;

  void drain(Duration at_most);
  void abort();
  /// Workers that have not ended.
  std::size_t running() const { return running_; }
  /// Of those that have ended, none had to cut anything off.
  bool clean() const { return clean_; }
  /// Joins the threads: all workers have ended. Nothing of theirs comes to the loop after it.
  runtime::Task<void> join();

 private:
  runtime::Task<Result<void>> all_answered(TimePoint deadline);
  void answered(std::uint64_t call, std::vector<config::Problem> problems);

  runtime::Loop& loop_;
  const Shared& shared_;
  const std::function<void()> on_ended_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t running_ = 0;
  bool clean_ = true;
  bool cancelled_ = false;

  // The call under way: which one, of how many workers the answer is due, what they complain about.
  std::uint64_t call_ = 0;
  runtime::InFlight answers_;
  std::vector<runtime::InFlight::Hold> due_;
  std::vector<config::Problem> problems_;
};

}  // namespace sallyport::server
