// Waiting for something that another task of the same loop brings about.
#pragma once

#include <coroutine>

#include "proxy/base/result.h"
#include "proxy/runtime/loop.h"

namespace sallyport::runtime {

/// A flag that one task at a time can wait for. Also the way to sleep: wait for an event with a
/// deadline, and set it to be woken early. Belongs to one loop; must outlive who waits.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop), timer_(loop.timers(), [this] { wake(); }) {}

  /// Returns when the event is set, at once if it is already; kTimeout if `deadline` passes first.
  Task<Result<void>> wait(TimePoint deadline = kNever);
  void set();
  void reset() { set_ = false; }
  bool is_set() const { return set_; }

 private:
  void wake();

  Loop& loop_;
  Timer timer_;
  std::coroutine_handle<> waiter_;
  bool set_ = false;
};

}  // namespace sallyport::runtime
