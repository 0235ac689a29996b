#include "proxy/runtime/event.h"

#include <cassert>
#include <utility>

namespace sallyport::runtime {

Task<Result<void>> Event::wait(TimePoint deadline) {
  assert(!waiter_);
  if (!set_) {
    timer_.arm(deadline);
    co_await SuspendWith{[this](std::coroutine_handle<> waiter) { waiter_ = waiter; }};
    timer_.disarm();
  }
  if (!set_) co_return fail(ErrorCode::kTimeout, "the deadline passed");
  co_return {};
}

void Event::set() {
  set_ = true;
  wake();
}

void Event::wake() {
  if (waiter_) loop_.resume_soon(std::exchange(waiter_, nullptr));
}

}  // namespace sallyport::runtime
