// The deliveries of one worker that wait for their turn in an upstream's pace.
#pragma once

#include <cstdint>

#include "metrics/metrics.h"
#include "proxy/base/clock.h"
#include "proxy/relay/delivery.h"
#include "proxy/relay/fair_queue.h"
#include "proxy/relay/pace.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"
#include "proxy/runtime/timer.h"

namespace sallyport::relay {

/// Users take turns. Belongs to one loop; `pace` is shared by the queues of all workers, and the
/// next to go is whoever asks first.
class PaceQueue {
 public:
  /// All references outlive it.
  PaceQueue(runtime::Loop& loop, Pace& pace, metrics::Gauge& waiting)
      : loop_(loop), pace_(pace), waiting_(waiting), timer_(loop.timers(), [this] { serve(); }) {}

  /// Waits until a message of so many units may go, which it then takes from the pace. False at
  /// `deadline`, when the client has gone, after `cut_off`, or at once where as many deliveries
  /// wait as may.
  runtime::Task<bool> turn(std::uint64_t units, TimePoint deadline, Caller caller,
                           std::uint32_t max_waiting);
  /// Sends away who waits.
  void cut_off();

 private:
  struct Waiter {
    Waiter(runtime::Loop& loop, std::uint64_t wanted) : served(loop), units(wanted) {}
    runtime::Event served;
    const std::uint64_t units;
    bool may_go = false;
    bool is_queued = true;
  };

  void serve();

  runtime::Loop& loop_;
  Pace& pace_;
  metrics::Gauge& waiting_;
  FairQueue<Waiter*> waiters_;
  runtime::Timer timer_;  // runs while deliveries wait
};

}  // namespace sallyport::relay
