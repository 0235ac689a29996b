// What is behind a ClientTlsContext: trusted roots and a few sessions to resume.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/boringssl.h"
#include "proxy/net/groups.h"
#include "proxy/net/tls.h"

namespace sallyport::net {

/// What a client's stream must remember about its handshake.
struct ClientSide {
  std::string host;
  std::string refusal;  ///< Why the certificate was not accepted.
};

struct ClientTlsContext::Impl {
  /// Sets up `ssl` to reach `side.host`, which must outlive it: name, verification, a session.
  Result<void> prepare(SSL& ssl, ClientSide& side);

  void remember(const ClientSide& side, bssl::UniquePtr<SSL_SESSION> session);

  HelloSize hello_size;
  bssl::UniquePtr<X509_STORE> roots;
  std::vector<std::string> pins;
  bssl::UniquePtr<SSL_CTX> ssl;

 private:
  bssl::UniquePtr<SSL_SESSION> take_session(const std::string& host);

  std::string sessions_are_for_;  ///< A session belongs to the server that gave it.
  std::vector<bssl::UniquePtr<SSL_SESSION>> sessions_;  ///< The latest is last.
};

}  // namespace sallyport::net
