// What is behind a ServerTlsContext and its certificates.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/net/boringssl.h"
#include "proxy/net/server_names.h"
#include "proxy/net/tls.h"

namespace sallyport::net {

struct ServerCertificate::Impl {
  bool is_ecdsa() const { return EVP_PKEY_id(key.get()) == EVP_PKEY_EC; }

  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain;
  bssl::UniquePtr<EVP_PKEY> key;
  std::vector<std::string> names;
  WallTime not_after;
  std::string ocsp_response;
  WallTime ocsp_response_ends = WallTime::max();
};

struct ServerTlsContext::Impl {
  /// For a client that asks for `server_name`, which may be null.
  SSL_CTX* choose(const char* server_name, const SSL_CLIENT_HELLO& hello) const;

  /// One a certificate, alike in all else: BoringSSL changes certificates by changing contexts. A
  /// handshake begins with the first.
  std::vector<bssl::UniquePtr<SSL_CTX>> contexts;
  ServerNames names;
  Choice fallback;                              // the first, and its like of the other kind of key
  std::vector<bssl::UniquePtr<EVP_PKEY>> keys;  // of the contexts
  bssl::UniquePtr<X509_STORE> client_roots;     // null: no client_ca
};

/// The server's side of one handshake; what BoringSSL calls back finds it behind the SSL.
class ServerSide {
 public:
  /// Prepares `ssl`; both outlive this.
  ServerSide(SSL& ssl, const ServerTlsContext& context);
  ~ServerSide();
  ServerSide(const ServerSide&) = delete;
  ServerSide& operator=(const ServerSide&) = delete;

  /// Whom the client proved to be; empty: nobody.
  std::string take_client_certificate() { return std::move(client_); }
  /// Why we refused the client's certificate; empty: we did not.
  const std::string& refusal() const { return refusal_; }

 private:
  static ssl_select_cert_result_t on_client_hello(const SSL_CLIENT_HELLO* hello);
  static ssl_verify_result_t on_client_certificate(SSL* ssl, std::uint8_t* alert);
  friend Result<std::shared_ptr<const ServerTlsContext>> ServerTlsContext::make(
      const ServerTlsOptions& options, const TicketKeys& keys);

  SSL& ssl_;
  const ServerTlsContext& context_;
  std::string client_;
  std::string refusal_;
};

}  // namespace sallyport::net
