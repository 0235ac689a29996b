// A non-blocking descriptor in a loop: who waits for it to become readable or writable, until when.
#pragma once

#include <coroutine>
#include <memory>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/cancellation.h"
#include "proxy/runtime/loop.h"

namespace sallyport::runtime {

/// Owns a descriptor. Interest in reading stays registered while the connection idles, so a wait
/// for the next octets costs no system call of its own. libuv's stream handles are not used: with
/// the descriptor in our hands a read happens when its reader runs, into a buffer nobody else needs
/// meanwhile, and cancelling is forgetting a waiter.
class Poller {
 public:
  /// Takes `descriptor`, which must be non-blocking.
  Poller(Loop& loop, int descriptor);
  /// Nobody may wait. The descriptor is closed.
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  int descriptor() const { return descriptor_; }

  /// Suspends until there is something to read, or an end or error to find out about. A deadline
  /// that has passed already gives kTimeout; so does `writable`.
  Task<Result<void>> readable(TimePoint deadline);
  /// Suspends until the kernel takes octets again, or an error is to be found out.
  Task<Result<void>> writable(TimePoint deadline);

  /// Whether a read or write may go on without waiting: kCancelled after the cancelling functions
  /// below, kTimeout if `deadline` has passed.
  Result<void> may_read(TimePoint deadline) { return may_go_on(read_, deadline); }
  Result<void> may_write(TimePoint deadline) { return may_go_on(write_, deadline); }

  /// A read may succeed now: readiness was seen and not used up.
  bool maybe_readable() const { return maybe_readable_; }
  /// The last read took all there was: the next one has to wait.
  void used_up() { maybe_readable_ = false; }

  /// From now on `gone` is requested once the connection was reset, or, if `end_counts`, the peer
  /// ended its side. Null: no more. Costs no system call while all that came was read.
  void watch_peer(Cancellation* gone, bool end_counts);

  /// The wait for reading, and every later one, gives kCancelled.
  void cancel_reads();
  /// Lets reads wait again after `cancel_reads`; what `cancel_all` ended stays ended.
  void allow_reads() { read_.cancelled = aborted_; }
  /// All waits, also later ones, give kCancelled.
  void cancel_all();

 private:
  struct Handle;
  struct Direction {
    Direction(Poller& poller, Loop& loop)
        : timer(loop.timers(), [this, &poller] { poller.wake(*this); }) {}
    Timer timer;
    std::coroutine_handle<> waiter;
    bool ready = false;
    bool cancelled = false;
  };

  Task<Result<void>> wait(Direction& direction, TimePoint deadline);
  Result<void> may_go_on(const Direction& direction, TimePoint deadline);
  void happened(int status, int events);
  void notice_departure();
  void wake(Direction& direction);
  void update_interest();

  Loop& loop_;
  int descriptor_;
  Handle* handle_;  // libuv's; frees itself after closing
  Direction read_;
  Direction write_;
  int interest_ = 0;
  bool maybe_readable_ = false;
  bool aborted_ = false;
  Cancellation* gone_ = nullptr;
  bool end_counts_ = false;
  bool ended_ = false;   // the peer ended its side
  bool urgent_ = false;  // urgent data came, which is level-triggered: nothing is asked of it again
  bool broken_ = false;  // libuv stopped polling because of an error: reads and writes will tell
};

}  // namespace sallyport::runtime
