// Tasks that nobody awaits one by one: sessions, pool keepers. Nothing is detached: the group is
// joined.
#pragma once

#include <cstddef>
#include <list>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/in_flight.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"

namespace sallyport::runtime {

/// Owns running tasks of one loop. It must be joined before it dies.
class TaskGroup {
 public:
  explicit TaskGroup(Loop& loop) : loop_(loop), running_(loop) {}
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` soon. It must own, or be sure to outlive, what it uses: arguments by value.
  void spawn(Task<void> task);
  /// Tasks that have not ended.
  std::size_t size() const { return running_.count(); }
  /// Returns when every task has ended, those included that are spawned meanwhile; kTimeout when
  /// the deadline passes first. One joiner at a time; may be called again.
  Task<Result<void>> join(TimePoint deadline = kNever);

 private:
  Task<void> run(Task<void> task, InFlight::Hold hold, std::list<Task<void>>::iterator self);

  Loop& loop_;
  InFlight running_;
  std::list<Task<void>> tasks_;
  std::list<Task<void>> ended_;  // a frame can't be freed by itself: the next spawn or join does it
};

}  // namespace sallyport::runtime
