// TCP to whichever address of a host answers first.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/runtime/address.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::runtime {

/// One connection to one of several addresses, as RFC 8305 section 5 (Happy Eyeballs) has it: they
/// are tried in their order, the next one when the one before failed or has been silent for 250 ms,
/// and the first that connects wins. Belongs to one loop.
class ConnectRace {
 public:
  explicit ConnectRace(Loop& loop) : loop_(loop), changed_(loop), attempts_(loop) {}

  /// The connection that won; the others are closed. Once only. The error is the last one that an
  /// address gave: kNetwork, kTimeout when `deadline` passed, kCancelled after `cancel`.
  Task<Result<std::unique_ptr<TcpStream>>> run(std::vector<SocketAddress> addresses,
                                               TimePoint deadline);
  /// Makes `run` end at once.
  void cancel();

  /// The addresses that refused or could not be reached, once `run` has ended. One that was silent
  /// until another won is not among them.
  const std::vector<SocketAddress>& failed() const { return failed_; }

 private:
  Task<void> attempt(SocketAddress address, TimePoint deadline);

  Loop& loop_;
  Event changed_;  // an attempt ended
  TaskGroup attempts_;
  std::vector<TcpStream*> connecting_;
  std::unique_ptr<TcpStream> winner_;
  std::vector<SocketAddress> failed_;
  Error last_error_{ErrorCode::kTimeout, "the deadline passed"};
  std::size_t running_ = 0;
  bool cancelled_ = false;
};

}  // namespace sallyport::runtime
