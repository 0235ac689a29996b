// TCP: streams, listeners, connecting.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/runtime/address.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/poller.h"

namespace sallyport::runtime {

/// One TCP connection. TCP_NODELAY is always on: we write whole flights.
class TcpStream final : public ByteStream {
 public:
  /// Takes a connected, non-blocking descriptor.
  TcpStream(Loop& loop, int descriptor, const SocketAddress& peer);

  using ByteStream::write;
  Task<Result<std::string_view>> read(TimePoint deadline) override;
  Task<Result<void>> write(std::span<const std::string_view> pieces, TimePoint deadline) override;
  void interrupt() override { poller_.cancel_reads(); }
  void abort() override;
  Task<void> finish(TimePoint deadline) override;
  bool is_quiet() const override { return !poller_.maybe_readable(); }

  /// After a non-blocking connect: suspends until it succeeded, or says why it did not.
  Task<Result<void>> connected(TimePoint deadline);

  const SocketAddress& peer() const { return peer_; }
  /// Acknowledges what was received at once instead of after 40 ms: for the one flight that a
  /// client without TCP_NODELAY would hold back (docs/architecture.md, "The 40 ms stall").
  void acknowledge_now() override;

 private:
  Loop& loop_;
  Poller poller_;
  SocketAddress peer_;
};

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
  Task<Result<std::unique_ptr<TcpStream>>> accept();
  void interrupt() { poller_.cancel_reads(); }
  /// The address it is bound to: tells the port when 0 was asked for.
  SocketAddress local() const;

 private:
  Loop& loop_;
  Poller poller_;
};

}  // namespace sallyport::runtime
