// TCP: streams, listeners, connecting.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/runtime/address.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/poller.h"

namespace sallyport::runtime {

/// One TCP connection. TCP_NODELAY is always on: we write whole flights.
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

  Loop& loop_;
  Poller poller_;
  SocketAddress peer_;
  std::unique_ptr<std::string> unread_;  // seldom there: an idle connection pays a pointer for it
};

/// A connection that was accepted and has cost nothing yet but its descriptor: it can still be
/// turned away for the price of one write.
class Arrival {
 public:
  Arrival(int descriptor, const SocketAddress& peer) : descriptor_(descriptor), peer_(peer) {}
  Arrival(Arrival&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), peer_(other.peer_) {}
  Arrival& operator=(Arrival&&) = delete;
  /// Closes it.
  ~Arrival();

  const SocketAddress& peer() const { return peer_; }
  /// Says `octets`, so far as the kernel takes them at once, which an empty socket buffer does;
  /// then there is nothing left but to let it go.
  void say(std::string_view octets) const;
  /// Makes a stream of it.
  std::unique_ptr<TcpStream> stream(Loop& loop) &&;

 private:
  int descriptor_;
  SocketAddress peer_;
};

/// Begins to connect to `address`: what the stream is good for until `connected` is to be aborted.
Result<std::unique_ptr<TcpStream>> begin_connect(Loop& loop, const SocketAddress& address);

/// Connects to `address` within the deadline; kNetwork says why not.
Task<Result<std::unique_ptr<TcpStream>>> connect(Loop& loop, SocketAddress address,
                                                 TimePoint deadline);

/// A listening socket with SO_REUSEPORT, so that each worker's loop can have its own.
class TcpListener {
 public:
  /// Binds and listens; the error names the address and what to do.
  static Result<std::unique_ptr<TcpListener>> listen(Loop& loop, const SocketAddress& address);
  TcpListener(Loop& loop, int descriptor);

  /// The next connection; kCancelled after `interrupt`; kSystem when descriptors ran out: wait,
  /// then call again. Connections that died in the queue are skipped.
  Task<Result<Arrival>> accept();
  void interrupt() { poller_.cancel_reads(); }
  /// The address it is bound to: tells the port when 0 was asked for.
  SocketAddress local() const;

 private:
  Poller poller_;
  unsigned in_a_row_ = 0;  // accepted since the loop was last given a turn
};

}  // namespace sallyport::runtime
