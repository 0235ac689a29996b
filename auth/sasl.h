// SASL, the server's side, sans-I/O: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login).
// Responses in, credentials out. Nothing here decides whether credentials are right: that is
// Authenticator's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/base/secret.h"

namespace sallyport::auth {

/// What a client claims to be. The names are not empty beyond `authzid`, all three are UTF-8
/// without control characters; whether `authzid` may be acted for is the Authenticator's to say.
struct Credentials {
  std::string authzid;  ///< Whom to act as; empty: `authcid` itself.
  std::string authcid;  ///< Whose password it is.
  Secret password;
};

/// The exchange goes on: say `334` with this text in base64, then read a line.
struct Challenge {
  std::string text;
};

/// The exchange is over: the response does not have the mechanism's form (`501 5.5.2`). The reason
/// is for the client's developer and quotes nothing of the response.
struct Malformed {
  std::string reason;
};

using SaslStep = std::variant<Challenge, Credentials, Malformed>;

/// One exchange, from AUTH to Credentials or Malformed; then it is thrown away. The client's `*`
/// (RFC 4954 section 4: cancel) and base64 are the session's.
class SaslExchange {
 public:
  virtual ~SaslExchange() = default;

  /// Takes the next response, out of base64, and says how it goes on. The first call takes the
  /// initial response of AUTH, or nullopt when AUTH came without one. The caller wipes its own copy
  /// of the response. Not to be called again after Credentials or Malformed.
  virtual SaslStep step(std::optional<std::string_view> response) = 0;
};

/// No name and no password past these is looked at: RFC 4616 asks for 255 octets each, tokens are
/// longer.
inline constexpr std::size_t kMaxIdentity = 255;
inline constexpr std::size_t kMaxPassword = 4096;

/// An exchange of `mechanism` (its registered name in upper case), or null when we have none by
/// that name. Which mechanisms are offered is the configuration's, and the session's to check.
std::unique_ptr<SaslExchange> start_exchange(std::string_view mechanism);

}  // namespace sallyport::auth
