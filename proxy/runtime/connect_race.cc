#include "proxy/runtime/connect_race.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sallyport::runtime {
namespace {

// RFC 8305 section 8: the recommended Connection Attempt Delay.
constexpr Duration kAttemptDelay = std::chrono::milliseconds(250);

}  // namespace

Task<Result<std::unique_ptr<TcpStream>>> ConnectRace::run(std::vector<SocketAddress> addresses,
                                                          TimePoint deadline) {
  std::size_t next = 0;
  TimePoint next_begins = loop_.now();
  while (!winner_ && !cancelled_) {
    if (next < addresses.size() && (running_ == 0 || loop_.now() >= next_begins)) {
      ++running_;
      attempts_.spawn(attempt(addresses[next++], deadline));
      next_begins = loop_.after(kAttemptDelay);
    }
    if (running_ == 0) break;  // each attempt ends at the deadline
    changed_.reset();
    (void)co_await changed_.wait(next < addresses.size() ? next_begins : kNever);
  }
  for (TcpStream* const loser : connecting_) loser->abort();
  (void)co_await attempts_.join();
  if (cancelled_) co_return fail(ErrorCode::kCancelled, "we are stopping");
  if (!winner_) co_return fail(std::move(last_error_));
  co_return std::move(winner_);
}

Task<void> ConnectRace::attempt(SocketAddress address, TimePoint deadline) {
  auto stream = begin_connect(loop_, address);
  Result<void> connected;
  if (!stream) {
    connected = fail(std::move(stream.error()));
  } else {
    connecting_.push_back(stream->get());
    connected = co_await (*stream)->connected(deadline);
    std::erase(connecting_, stream->get());
  }
  --running_;
  if (connected) {
    if (!winner_) winner_ = std::move(*stream);
  } else if (connected.error().code != ErrorCode::kCancelled) {
    failed_.push_back(address);
    last_error_ = std::move(connected.error());
  }
  changed_.set();
}

void ConnectRace::cancel() {
  cancelled_ = true;
  for (TcpStream* const stream : connecting_) stream->abort();
  changed_.set();
}

}  // namespace sallyport::runtime
