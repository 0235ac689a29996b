// TCP: streams, listeners, connecting.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/runtime/address.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/poller.h"
#include "proxy/runtime/turn_budget.h"

namespace sallyport::runtime {

/// One TCP connection. TCP_NODELAY is always on: we write whole flights. A read or write that need
/// not wait completes at once, up to a budget a turn of the loop: then others get their turn.
class TcpStream final : public Transport {
 public:
  /// Takes a connected, non-blocking descriptor.
  TcpStream(Loop& loop, int descriptor, const SocketAddress& peer);

  using ByteStream::write;
  Task<Result<std::string_view>> read(TimePoint deadline) override;
  Task<Result<void>> write(std::span<const std::string_view> pieces, TimePoint deadline) override;
  void interrupt() override { poller_.cancel_reads(); }
  void abort() override;
  Task<void> finish(TimePoint deadline) override;
  bool is_quiet() const override { return !unread_ && !poller_.maybe_readable(); }
  bool has_arrived() override;
  void unread(std::string_view octets) override;
  void watch_peer(Cancellation* gone, Departure by) override {
    poller_.watch_peer(gone, by == Departure::kEndOfStream);
  }

  /// After `begin_connect`: suspends until it succeeded, or says why it did not.
  Task<Result<void>> connected(TimePoint deadline);

  const SocketAddress& peer() const { return peer_; }
  /// Acknowledges what was received at once instead of after 40 ms: for the one flight that a
  /// client without TCP_NODELAY would hold back (docs/architecture.md, "The 40 ms stall").
  void acknowledge_now() override;

 private:
  std::string_view give_unread(std::span<char> buffer);
  /// Adds one call that moved `octets` to what this turn has done for the peer.
  void spend(std::size_t octets);

  Loop& loop_;
  Poller poller_;
  SocketAddress peer_;
  TurnBudget budget_;
  std::unique_ptr<std::string> unread_;  // seldom there: an idle connection pays a pointer for it
};

/// A connection that was accepted and has cost nothing yet but its descriptor: it can still be
/// turned away for the price of one write.
class Arrival {
 public:
  /// `last_resort`: see `is_last_resort`.
  Arrival(int descriptor, const SocketAddress& peer, bool last_resort = false)
      : descriptor_(descriptor), peer_(peer), last_resort_(last_resort) {}
  Arrival(Arrival&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        peer_(other.peer_),
        last_resort_(other.last_resort_) {}
  Arrival& operator=(Arrival&&) = delete;
  /// Closes it.
  ~Arrival();

  const SocketAddress& peer() const { return peer_; }
  /// The process had no descriptor left but the listener's spare one, which this connection has
  /// got: until it is closed, the listener can accept no other.
  bool is_last_resort() const { return last_resort_; }
  /// Says `octets`, so far as the kernel takes them at once, which an empty socket buffer does;
  /// then there is nothing left but to let it go.
  void say(std::string_view octets) const;
  /// Makes a stream of it.
  std::unique_ptr<TcpStream> stream(Loop& loop) &&;

 private:
  int descriptor_;
  SocketAddress peer_;
  bool last_resort_;
};

/// No file descriptor can be opened now, by this process or in the whole system. Asks the system:
/// for the path of an error that a lack of descriptors may have caused.
bool is_out_of_descriptors();

/// Begins to connect to `address`: what the stream is good for until `connected` is to be aborted.
/// kLimit: this process or host has no descriptor, port or memory for it, which says nothing about
/// the peer.
Result<std::unique_ptr<TcpStream>> begin_connect(Loop& loop, const SocketAddress& address);

/// Connects to `address` within the deadline; kNetwork or, as above, kLimit says why not.
Task<Result<std::unique_ptr<TcpStream>>> connect(Loop& loop, SocketAddress address,
                                                 TimePoint deadline);

/// Does a socket of any process listen on `address`, or on all addresses of its port? Asked by a
/// bind without SO_REUSEPORT: with it, two processes of the same user share a port without a word.
bool is_listened_on(const SocketAddress& address);

/// A listening socket with SO_REUSEPORT, so that each worker's loop can have its own. It keeps a
/// spare descriptor: when the process has no other, one connection can still be accepted, to be
/// told so.
class TcpListener {
 public:
  /// Binds and listens; the error names the address and what to do.
  static Result<std::unique_ptr<TcpListener>> listen(Loop& loop, const SocketAddress& address);
  /// The same for a single listener, which no other socket can share an address with until it
  /// allows it (`share`).
  static Result<std::unique_ptr<TcpListener>> listen_alone(Loop& loop,
                                                           const SocketAddress& address);
  /// Lets another process of this user listen on the same address: for one that begins while this
  /// one ends.
  void share();
  TcpListener(Loop& loop, int descriptor);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  /// Connections accepted from now on hold at most some `octets` that the peer has not taken. For
  /// peers that get short replies: a write past it has to wait.
  void bound_sends(int octets);
  /// The next connection; kCancelled after `interrupt`; kSystem when descriptors ran out, the spare
  /// one included: wait, then call again. Connections that died in the queue are skipped.
  Task<Result<Arrival>> accept();
  void interrupt() { poller_.cancel_reads(); }
  /// The address it is bound to: tells the port when 0 was asked for.
  SocketAddress local() const;

 private:
  Poller poller_;
  int spare_;              // -1: a last resort has it
  unsigned in_a_row_ = 0;  // accepted since the loop was last given a turn
};

}  // namespace sallyport::runtime
