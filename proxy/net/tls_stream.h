// TLS over another stream, either side. An idle one owns an SSL and no buffer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/net/boringssl.h"
#include "proxy/net/client_context.h"
#include "proxy/net/span_bio.h"
#include "proxy/net/tls.h"

namespace sallyport::net {

/// What a call of BoringSSL came to.
struct SslOutcome {
  enum Kind {
    kDone,
    kStarved,  ///< It needs octets that have not arrived.
    kClosed,   ///< The peer said close_notify.
    kFailed,
  };
  Kind kind;
  int count = 0;       ///< kDone: what the call returned.
  std::string reason;  ///< kFailed.
};

/// Pieces of plaintext, taken from the front a record at a time.
class PlainPieces {
 public:
  explicit PlainPieces(std::span<const std::string_view> pieces) : pieces_(pieces) { skip_empty(); }

  bool empty() const { return pieces_.empty(); }
  std::string_view front() const { return pieces_.front().substr(taken_); }
  bool front_is_last() const { return pieces_.size() == 1; }
  void drop(std::size_t count);
  /// Moves octets of as many pieces as fit; returns how many.
  std::size_t gather(std::span<char> into);

 private:
  void skip_empty();

  std::span<const std::string_view> pieces_;
  std::size_t taken_ = 0;
};

class BoringStream final : public TlsStream {
 public:
  /// `client` makes it the client's side.
  BoringStream(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
               bssl::UniquePtr<SSL> ssl, std::unique_ptr<ClientSide> client);
  ~BoringStream() override;

  SSL& ssl() { return *ssl_; }
  ClientSide* client_side() { return client_.get(); }
  /// Whom the client of a server's side proved to be.
  void set_client_certificate(std::string who) { info_.client_certificate = std::move(who); }

  /// Has the peer said anything?
  bool has_heard() const { return has_heard_; }
  /// Must have succeeded before anything else is called. `first_answer`: until when the peer must
  /// have said something. When it fails the peer was told why, and
  /// the connection is only good for destruction.
  runtime::Task<Result<void>> handshake(TimePoint deadline, TimePoint first_answer = kNever);

  using ByteStream::write;
  runtime::Task<Result<std::string_view>> read(TimePoint deadline) override;
  runtime::Task<Result<void>> write(std::span<const std::string_view> pieces,
                                    TimePoint deadline) override;
  void interrupt() override;
  void abort() override { inner_->abort(); }
  runtime::Task<void> finish(TimePoint deadline) override;
  bool is_quiet() const override;
  bool has_arrived() override { return !is_quiet() || inner_->has_arrived(); }
  void acknowledge_now() override { inner_->acknowledge_now(); }
  /// TLS has a half-close of its own, close_notify on an open TCP connection (RFC 8446
  /// section 6.1): a peer that ends TCP listens no more.
  void watch_peer(runtime::Cancellation* gone, Departure /*by*/) override {
    inner_->watch_peer(gone, Departure::kEndOfStream);
  }
  const TlsInfo& info() const override { return info_; }
  std::string channel_binding() const override;

 private:
  template <class Call>
  SslOutcome ssl_call(Call call);
  Result<std::string_view> decrypt();
  Result<void> seal_flight(PlainPieces& pieces);
  [[gnu::noinline]] bool take_plain(Result<std::string_view>& result);
  [[gnu::noinline]] bool take_wire(Result<std::string_view>& result);
  [[gnu::noinline]] runtime::Task<Result<void>> flush(TimePoint deadline);
  void keep_unread();
  void established();
  std::string_view peer() const { return client_ ? "the server" : "the client"; }
  Error handshake_error(SslOutcome outcome, std::optional<std::uint8_t> alert) const;

  runtime::Loop& loop_;
  const std::unique_ptr<runtime::ByteStream> inner_;
  Wire wire_;
  const std::unique_ptr<ClientSide> client_;
  const bssl::UniquePtr<SSL> ssl_;  // uses wire_ and client_: dies before them
  TlsInfo info_;
  std::string held_;              // arrived, but SSL has not taken it and the caller suspends
  std::unique_ptr<Error> end_;    // how the peer's side ended: what reads give from now on
  bool may_hold_octets_ = false;  // SSL or held_ may give something without a read below
  bool unacknowledged_ = false;   // what we read last gave us nothing to answer
  bool heard_ = false;            // application octets have come
  bool has_heard_ = false;        // octets of any kind have come
  bool interrupted_ = false;
  bool flushing_ = false;
  bool broken_ = false;  // a write failed half-way: no record may follow
};

}  // namespace sallyport::net
