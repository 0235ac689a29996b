#include "proxy/runtime/poller.h"

#include <unistd.h>
#include <uv.h>

#include <cassert>
#include <utility>

namespace sallyport::runtime {

namespace {

std::unexpected<Error> cancelled() {
  return fail(ErrorCode::kCancelled, "we are closing the connection");
}

std::unexpected<Error> too_late() {
  return fail(ErrorCode::kTimeout, "the peer was silent for too long");
}

}  // namespace

struct Poller::Handle {
  uv_poll_t uv{};
};

Poller::Poller(Loop& loop, int descriptor)
    : loop_(loop),
      descriptor_(descriptor),
      handle_(new Handle),
      read_(*this, loop),
      write_(*this, loop) {
  handle_->uv.data = this;
  const int initialised = uv_poll_init(loop_.uv(), &handle_->uv, descriptor_);
  assert(initialised == 0);
  (void)initialised;
}

Poller::~Poller() {
  assert(!read_.waiter && !write_.waiter);
  handle_->uv.data = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->uv),
           [](uv_handle_t* uv) { delete reinterpret_cast<Handle*>(uv); });
  ::close(descriptor_);  // libuv has taken it out of its set at once
}

Task<Result<void>> Poller::readable(TimePoint deadline) { return wait(read_, deadline); }

Task<Result<void>> Poller::writable(TimePoint deadline) { return wait(write_, deadline); }

Task<Result<void>> Poller::wait(Direction& direction, TimePoint deadline) {
  assert(!direction.waiter);
  if (const auto allowed = may_go_on(direction, deadline); !allowed) co_return allowed;
  if (broken_) co_return {};
  direction.ready = false;
  direction.timer.arm(deadline);
  co_await SuspendWith{[&](std::coroutine_handle<> waiter) {
    direction.waiter = waiter;
    update_interest();
  }};
  direction.timer.disarm();
  if (direction.cancelled) co_return cancelled();
  if (!direction.ready) co_return too_late();
  co_return {};
}

Result<void> Poller::may_go_on(const Direction& direction, TimePoint deadline) {
  if (direction.cancelled) return cancelled();
  if (deadline <= loop_.now()) return too_late();
  return {};
}

void Poller::happened(int status, int events) {
  if (status < 0) broken_ = true;
  if ((events & UV_DISCONNECT) != 0) ended_ = true;
  if ((events & UV_PRIORITIZED) != 0) urgent_ = true;
  if (gone_ != nullptr) notice_departure();
  if (status < 0 || (events & (UV_READABLE | UV_DISCONNECT)) != 0) {
    maybe_readable_ = true;
    read_.ready = true;
    // Level-triggered: without a reader to take the octets we must stop listening for them.
    if (!read_.waiter) update_interest();
    wake(read_);
  }
  if ((events & UV_PRIORITIZED) != 0) update_interest();
  if (status < 0 || (events & UV_WRITABLE) != 0) {
    write_.ready = true;
    wake(write_);
    update_interest();
  }
}

void Poller::wake(Direction& direction) {
  if (direction.waiter) loop_.resume_soon(std::exchange(direction.waiter, nullptr));
}

void Poller::update_interest() {
  if (broken_) return;
  // Reading stays registered between reads, until octets come that nobody waits for.
  const bool reading = read_.waiter || !maybe_readable_;
  // The end of the peer's side comes with a readable descriptor, so asking for both costs nothing.
  // Who watches asks for it also while octets lie unread, which would be reported without end; and
  // once it has ended for something that never comes: a reset is reported whatever is asked for.
  const int watching = gone_ == nullptr ? 0
                       : !ended_        ? UV_DISCONNECT
                       : !urgent_       ? UV_PRIORITIZED
                                        : 0;
  const int interest = (reading ? UV_READABLE | (ended_ ? 0 : UV_DISCONNECT) : 0) |
                       (write_.waiter ? UV_WRITABLE : 0) | watching;
  if (interest == interest_) return;
  interest_ = interest;
  if (interest == 0) {
    uv_poll_stop(&handle_->uv);
    return;
  }
  uv_poll_start(&handle_->uv, interest, [](uv_poll_t* uv, int status, int events) {
    if (uv->data) static_cast<Poller*>(uv->data)->happened(status, events);
  });
}

void Poller::watch_peer(Cancellation* gone, bool end_counts) {
  gone_ = gone;
  end_counts_ = end_counts;
  if (gone_ != nullptr) notice_departure();
  update_interest();
}

void Poller::notice_departure() {
  if (broken_ || (ended_ && end_counts_)) gone_->request();
}

void Poller::cancel_reads() {
  read_.cancelled = true;
  wake(read_);
}

void Poller::cancel_all() {
  aborted_ = true;
  write_.cancelled = true;
  wake(write_);
  cancel_reads();
}

}  // namespace sallyport::runtime
