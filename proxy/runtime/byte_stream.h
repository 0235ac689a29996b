// The one face of a connection: TCP, TLS over TCP, and what tests put in their place.
#pragma once

#include <span>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/cancellation.h"
#include "proxy/runtime/task.h"

namespace sallyport::runtime {

/// An ordered stream of octets both ways. Belongs to one loop. At most one read and one write at a
/// time; both may be under way together. It must not die while one is.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Some octets, at least one. The view holds until the caller next suspends. kClosed at the
  /// orderly end; kTimeout, kCancelled, kNetwork, kTls otherwise. After kTimeout the stream can be
  /// used on. A deadline that has passed gives kTimeout even if octets are there: a peer that sends
  /// without pause must not outlast a deadline that several reads share.
  virtual Task<Result<std::string_view>> read(TimePoint deadline) = 0;

  /// Writes all pieces in order, or fails; after a failure the stream is only good for closing. The
  /// pieces must hold until it returns.
  virtual Task<Result<void>> write(std::span<const std::string_view> pieces,
                                   TimePoint deadline) = 0;

  /// The read under way and every later one give kCancelled; writes go on: to say goodbye.
  virtual void interrupt() = 0;

  /// Ends everything at once: reads and writes under way give kCancelled, the peer sees a reset.
  virtual void abort() = 0;

  /// The orderly end: tells the peer that no more comes, and takes what it still sends until it
  /// ends too or `deadline` passes, so that our last octets are not lost to a reset; also after
  /// `interrupt`. Then only destruction is left.
  virtual Task<void> finish(TimePoint deadline) = 0;

  /// Nothing has arrived that was not read: what an idle connection must be to be used again.
  virtual bool is_quiet() const = 0;

  /// Whether octets are here that nobody has read: asks the kernel now, at the price of a system
  /// call, and does not wait. They may be of TLS alone.
  virtual bool has_arrived() { return !is_quiet(); }

  /// What tells that the peer has gone.
  enum class Departure {
    kReset,        ///< It reset the connection.
    kEndOfStream,  ///< That, or it ended its side: for protocols on top that have no such
                   ///< half-close.
  };
  /// From now on `gone` is requested once the peer has gone, also while nothing is read; octets
  /// that came before the end stay to be read. Null: no more. One at a time; it outlives the watch.
  /// A stream that can't tell ignores it.
  virtual void watch_peer(Cancellation* gone, Departure /*by*/ = Departure::kReset) { (void)gone; }

  /// Whoever reads next has nothing to answer to what it read last: the transport should
  /// acknowledge it at once instead of waiting for an answer to carry the acknowledgement.
  virtual void acknowledge_now() {}

  /// One piece.
  Task<Result<void>> write(std::string_view octets, TimePoint deadline) {
    return write_one(octets, deadline);
  }

 private:
  Task<Result<void>> write_one(std::string_view octets, TimePoint deadline) {
    co_return co_await write(std::span(&octets, 1), deadline);
  }
};

/// What a connection is before anything is spoken over it: TCP, and what tests put in its place.
/// How it begins can be looked at before TLS or a greeting.
class Transport : public ByteStream {
 public:
  /// Puts octets back that `read` gave: it gives them again, before all others. For the few that
  /// follow a header; nothing else may be held back by an earlier call.
  virtual void unread(std::string_view octets) = 0;
};

}  // namespace sallyport::runtime
