#include "proxy/runtime/in_flight.h"

#include <cassert>

namespace sallyport::runtime {

InFlight::~InFlight() { assert(count_ == 0 && "what is in flight must be drained"); }

InFlight::Hold InFlight::enter() {
  ++count_;
  none_.reset();
  return Hold(*this);
}

void InFlight::leave() {
  if (--count_ == 0) none_.set();
}

Task<Result<void>> InFlight::drained(TimePoint deadline) {
  while (count_ > 0) {
    const auto waited = co_await none_.wait(deadline);
    // Not set is also an event that was set, and reset by a Hold taken before this was resumed.
    if (!waited && count_ > 0 && loop_.now() >= deadline) co_return fail(waited.error());
  }
  co_return {};
}

}  // namespace sallyport::runtime
