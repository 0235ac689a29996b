// Waiting until nothing of a kind is under way: a count, where an Event is a flag.
#pragma once

#include <cstddef>
#include <utility>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"

namespace sallyport::runtime {

/// Counts what is under way and lets one task wait until the count is 0. Belongs to one loop and
/// outlives each Hold. It can be drained any number of times: nothing in it latches.
class InFlight {
 public:
  explicit InFlight(Loop& loop) : loop_(loop), none_(loop) {}
  /// The count is 0.
  ~InFlight();
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  /// Counts as one for as long as it lives.
  class Hold {
   public:
    Hold(Hold&& other) noexcept : counted_by_(std::exchange(other.counted_by_, nullptr)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(counted_by_, other.counted_by_);
      return *this;
    }
    ~Hold() {
      if (counted_by_ != nullptr) counted_by_->leave();
    }

   private:
    friend class InFlight;
    explicit Hold(InFlight& counted_by) : counted_by_(&counted_by) {}

    InFlight* counted_by_;
  };

  /// One more.
  [[nodiscard]] Hold enter();
  /// Holds that live.
  std::size_t count() const { return count_; }
  /// Returns when the count is 0, at once if it is; kTimeout if `deadline` passes first. A Hold
  /// that is taken meanwhile is waited for as well. One waiter at a time.
  Task<Result<void>> drained(TimePoint deadline = kNever);

 private:
  void leave();

  Loop& loop_;
  Event none_;  // wakes the waiter; whether the count is 0 is asked again each time
  std::size_t count_ = 0;
};

}  // namespace sallyport::runtime
