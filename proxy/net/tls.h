// TLS under the same face as TCP. The sole user of BoringSSL's SSL; knows nothing of SMTP.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"

namespace sallyport::net {

/// What a handshake agreed on.
struct TlsInfo {
  std::string version;  ///< "TLSv1.3" or "TLSv1.2".
  std::string cipher;   ///< The standard name: "TLS_AES_128_GCM_SHA256".
  bool resumed = false;
};

/// A connection that speaks TLS.
class TlsStream : public runtime::ByteStream {
 public:
  virtual const TlsInfo& info() const = 0;
};

/// The rotating keys of session tickets. One for the process: a client may come back to any worker.
/// Thread-safe.
class TicketKeys {
 public:
  /// Keys are replaced after `lifetime`; tickets of the key before are still taken, and renewed.
  /// `clock` is called from any thread.
  explicit TicketKeys(Duration lifetime = std::chrono::hours(12),
                      std::function<TimePoint()> clock = std::chrono::steady_clock::now);
  ~TicketKeys();

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// A certificate chain with its key, and what clients may negotiate. Immutable and thread-safe:
/// shared by snapshot, replaced whole on reload.
class ServerTlsContext {
 public:
  /// Loads PEM texts (chain leaf first; ECDSA or RSA key). The error says which part is wrong: no
  /// certificate, key does not match, unsupported key. `keys` outlives the context.
  static Result<std::shared_ptr<const ServerTlsContext>> make(std::string_view certificate_pem,
                                                              std::string_view key_pem,
                                                              const TicketKeys& keys);
  /// When the leaf certificate ends.
  WallTime not_after() const;

  struct Impl;
  explicit ServerTlsContext(std::unique_ptr<Impl> impl);
  ~ServerTlsContext();
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Whom we trust as a client, and sessions to resume. Immutable but for its session cache; belongs
/// to one upstream of one worker.
class ClientTlsContext {
 public:
  /// Trusts the roots in `ca_pem`, or the system's when it is empty.
  static Result<std::unique_ptr<ClientTlsContext>> make(std::string_view ca_pem);

  struct Impl;
  explicit ClientTlsContext(std::unique_ptr<Impl> impl);
  ~ClientTlsContext();
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Does the server's side of a handshake over `inner`, within the deadline. The context must
/// outlive the handshake only. kTls says what went wrong.
runtime::Task<Result<std::unique_ptr<TlsStream>>> accept_tls(
    runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
    std::shared_ptr<const ServerTlsContext> context, TimePoint deadline);

/// The client's side: the chain must lead to a trusted root and the leaf must be for `host` (a DNS
/// name or an IP literal). kTls says what is wrong with the certificate in words an operator can
/// act on. The context outlives the handshake; sessions are only kept while it lives.
runtime::Task<Result<std::unique_ptr<TlsStream>>> connect_tls(
    runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> inner, ClientTlsContext& context,
    std::string host, TimePoint deadline);

}  // namespace sallyport::net
