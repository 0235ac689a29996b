// How a task learns that its result is not wanted any more.
#pragma once

#include <cassert>

#include "proxy/runtime/event.h"

namespace sallyport::runtime {

/// A request to stop. It is made once and stays. Whoever works looks at it between two steps, or
/// lets it end a wait. Belongs to one loop; outlives the work.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  /// Asks for the end. Sets the event of the `Wake` there is, if any.
  void request() {
    requested_ = true;
    if (wakes_ != nullptr) wakes_->set();
  }
  bool is_requested() const { return requested_; }

  /// While this lives, `request` sets `event`; at once if it was made before. One at a time. A null
  /// `cancellation` is one that is never requested.
  class Wake {
   public:
    Wake(Cancellation* cancellation, Event& event) : cancellation_(cancellation) {
      if (cancellation_ == nullptr) return;
      assert(cancellation_->wakes_ == nullptr);
      cancellation_->wakes_ = &event;
      if (cancellation_->requested_) event.set();
    }
    ~Wake() {
      if (cancellation_ != nullptr) cancellation_->wakes_ = nullptr;
    }
    Wake(const Wake&) = delete;
    Wake& operator=(const Wake&) = delete;

   private:
    Cancellation* const cancellation_;
  };

 private:
  Event* wakes_ = nullptr;
  bool requested_ = false;
};

}  // namespace sallyport::runtime
