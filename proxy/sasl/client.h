// SASL mechanisms as a client, sans-I/O: octets of a challenge in, octets of a response out. The
// sole user of libgsasl, which does SCRAM and CRAM-MD5. Knows nothing of SMTP, base64 or sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace sallyport::sasl {

/// Who logs in where.
struct Login {
  std::string authcid;    ///< The user name.
  Secret secret;          ///< The password, or the access token of XOAUTH2 and OAUTHBEARER.
  std::string host = {};  ///< The server's name, which OAUTHBEARER says.
  std::uint16_t port = 0;
};

/// One exchange of one mechanism. Not thread-safe; may be moved between threads.
class Client {
 public:
  virtual ~Client() = default;
  /// Does the client speak first? Then the first `respond` takes no challenge.
  virtual bool speaks_first() const = 0;
  /// May take up to a second of CPU time: call it off the loop.
  virtual bool is_slow() const { return false; }
  /// The response to a challenge, which may be empty. kProtocol: the challenge makes no sense, or
  /// proves that the server does not know the password. Then the exchange is over.
  virtual Result<Secret> respond(std::string_view challenge) = 0;
  /// The server said that the login succeeded. kProtocol if the mechanism demands that the server
  /// proves itself and it has not.
  virtual Result<void> finish() { return {}; }
  /// Why the server refuses, where the mechanism lets it say so (RFC 7628 section 3.2.2); cleaned
  /// of control characters, and short. Empty: it has not.
  virtual std::string refusal() const { return {}; }
};

/// Is there such a mechanism?
bool is_known(std::string_view mechanism);
/// Does it take an access token in place of a password?
bool takes_token(std::string_view mechanism);
/// Does the server, or who pretends to be it, see the secret?
bool shows_secret(std::string_view mechanism);

/// A client of `mechanism`, in upper case: PLAIN, LOGIN, SCRAM-SHA-256, CRAM-MD5, XOAUTH2 or
/// OAUTHBEARER. kInvalid: there is no such mechanism, or the login has octets it can't carry.
Result<std::unique_ptr<Client>> make_client(std::string_view mechanism, const Login& login);

}  // namespace sallyport::sasl
