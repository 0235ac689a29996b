// TLS under the same face as TCP. The sole user of BoringSSL's SSL; knows nothing of SMTP.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/net/server_certificate.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"

namespace sallyport::net {

/// What a handshake agreed on.
struct TlsInfo {
  std::string_view version;  ///< "TLSv1.3" or "TLSv1.2"; lives for ever.
  std::string_view cipher;   ///< The standard name, "TLS_AES_128_GCM_SHA256"; lives for ever.
  bool resumed = false;
  /// Of a server's side: whom the client proved to be with a certificate that leads to one of our
  /// client authorities ("CN=billing,O=Example"); empty: nobody.
  std::string client_certificate = {};
};

/// A connection that speaks TLS.
class TlsStream : public runtime::ByteStream {
 public:
  virtual const TlsInfo& info() const = 0;
  /// The channel binding "tls-exporter" (RFC 9266): 32 octets that only the two ends of this
  /// connection know. Empty with TLS 1.2, where its worth hangs on an extension.
  virtual std::string channel_binding() const { return {}; }
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

/// What a server agrees to. In both, only suites with forward secrecy and AEAD.
enum class TlsPolicy : std::uint8_t {
  kIntermediate,  ///< TLS 1.2 and 1.3.
  kModern,        ///< TLS 1.3 alone.
};

/// Whether a client has to show a certificate.
enum class ClientCertificates : std::uint8_t {
  kNone,     ///< It is not asked for one.
  kRequest,  ///< It is asked; without one that we trust it goes on as nobody.
  kRequire,  ///< Without one that we trust the handshake fails.
};

/// What a ServerTlsContext is made of.
struct ServerTlsOptions {
  /// The first is for whoever asks for no name, or for one that no certificate has. If two of one
  /// kind of key have the same name, it is the first one's. With an ECDSA and an RSA one of the
  /// same name each client gets ECDSA if it can verify that.
  std::vector<std::shared_ptr<const ServerCertificate>> certificates;
  TlsPolicy policy = TlsPolicy::kIntermediate;
  std::string client_ca = {};  ///< PEM: whose certificates clients may show.
  ClientCertificates client_certificates = ClientCertificates::kNone;
};

/// Can a PEM text be a `client_ca`? kInvalid says why not.
Result<void> check_authorities(std::string_view pem);

/// The certificates of a server, and what clients may negotiate. Immutable and thread-safe: shared
/// by snapshot, replaced whole on reload.
class ServerTlsContext {
 public:
  /// kInvalid says what is wrong with `client_ca`. `keys` outlives the context.
  static Result<std::shared_ptr<const ServerTlsContext>> make(const ServerTlsOptions& options,
                                                              const TicketKeys& keys);
  /// One of a single certificate, from PEM texts.
  static Result<std::shared_ptr<const ServerTlsContext>> make(std::string_view certificate_pem,
                                                              std::string_view key_pem,
                                                              const TicketKeys& keys);

  /// The same, but for what it demands of clients: for one listener among several. Without a
  /// `client_ca` in the options, nothing can be demanded.
  std::shared_ptr<const ServerTlsContext> demanding(ClientCertificates demand) const;
  ClientCertificates client_certificates() const { return client_certificates_; }

  struct Impl;
  ServerTlsContext(std::shared_ptr<const Impl> impl, ClientCertificates demand);
  ~ServerTlsContext();
  const Impl& impl() const { return *impl_; }

 private:
  const std::shared_ptr<const Impl> impl_;
  const ClientCertificates client_certificates_;
};

/// What a client demands of a server's certificate, and shows of its own.
struct ClientTlsOptions {
  std::string_view ca = {};  ///< PEM: the trusted roots; empty: the system's.
  /// SHA-256 digests of public keys (SubjectPublicKeyInfo), 32 octets each. Not empty: one of the
  /// verified chain's keys must be among them, as well as all else that is demanded.
  std::vector<std::string> pins = {};
  std::string_view certificate = {};  ///< PEM, leaf first, for servers that ask; empty: none.
  std::string_view key = {};          ///< PEM.
  TlsPolicy policy = TlsPolicy::kIntermediate;
};

/// Whom we trust as a client, and sessions to resume. Immutable but for its session cache; belongs
/// to one upstream of one worker.
class ClientTlsContext {
 public:
  /// kInvalid says what is wrong with a PEM text.
  static Result<std::unique_ptr<ClientTlsContext>> make(const ClientTlsOptions& options);
  /// Trusts the roots in `ca_pem`, or the system's when it is empty.
  static Result<std::unique_ptr<ClientTlsContext>> make(std::string_view ca_pem) {
    return make(ClientTlsOptions{.ca = ca_pem});
  }

  /// Did the last handshake fail because a large ClientHello got no answer? The next one is small,
  /// and worth a try at once.
  bool should_try_small_hello() const;

  struct Impl;
  explicit ClientTlsContext(std::unique_ptr<Impl> impl);
  ~ClientTlsContext();
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Does the server's side of a handshake over `inner`, within the deadline. The context must
/// outlive the handshake only. kTls says what went wrong. kClosed: the client ended the connection,
/// or reset it, before it had sent an octet; kNetwork: in the middle of the handshake.
runtime::Task<Result<std::unique_ptr<TlsStream>>> accept_tls(
    runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> inner,
    std::shared_ptr<const ServerTlsContext> context, TimePoint deadline);

/// The client's side: the chain must lead to a trusted root and the leaf must be for `host` (a DNS
/// name or an IP literal). kTls says what is wrong with the certificate in words an operator can
/// act on; kInvalid: the peer does not speak TLS; kProtocol: it broke the handshake off, or both
/// sides could not agree. The context outlives the handshake; sessions are only kept while it
/// lives.
runtime::Task<Result<std::unique_ptr<TlsStream>>> connect_tls(
    runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> inner, ClientTlsContext& context,
    std::string host, TimePoint deadline);

}  // namespace sallyport::net
