// SCRAM (RFC 5802, RFC 7677), the server's side: libgsasl's exchange with our users' keys.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "auth/sasl.h"
#include "proxy/sasl/scram_server.h"

namespace sallyport::auth {

/// What SCRAM needs of one user. For a name that nobody has, or whose stored password is no SCRAM
/// verifier, keys that nobody can prove, the same ones each time.
struct ScramUser {
  sasl::ScramKeys keys;
  std::string name;           ///< As the table has it; as the client said it if nobody has it.
  std::string password_hash;  ///< Empty: nobody has that name.
};

/// An exchange of SCRAM-SHA-256 or SCRAM-SHA-256-PLUS; null for another mechanism. `tls_exporter`:
/// see sasl::ScramServer::make.
std::unique_ptr<SaslExchange> scram(std::string_view mechanism,
                                    std::function<ScramUser(std::string_view)> find_user,
                                    std::string_view tls_exporter);

}  // namespace sallyport::auth
