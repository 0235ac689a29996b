// SASL, the server's side, sans-I/O: PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login), and in
// bearer.h those for tokens. Responses in, a proof out. Nothing here decides whether it is right:
// that is Authenticator's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "auth/proof.h"

namespace sallyport::auth {

/// The exchange goes on: say `334` with this text in base64, then read a line.
struct Challenge {
  std::string text;
};

/// The exchange is over: the response does not have the mechanism's form (`501 5.5.2`). The reason
/// is for the client's developer and quotes nothing of the response.
struct Malformed {
  std::string reason;
};

/// The exchange is over: the mechanism itself has shown that the client does not know the password
/// of this user, or that nobody has that name (`535 5.7.8`, the same either way).
struct Disproved {
  std::string name;  ///< For our own log.
  bool is_known = false;
};

using SaslStep = std::variant<Challenge, Proof, Disproved, Malformed>;

/// One exchange, from AUTH to its end; then it is thrown away. The client's `*`
/// (RFC 4954 section 4: cancel) and base64 are the session's.
class SaslExchange {
 public:
  virtual ~SaslExchange() = default;

  /// Takes the next response, out of base64, and says how it goes on. The first call takes the
  /// initial response of AUTH, or nullopt when AUTH came without one. The caller wipes its own copy
  /// of the response. Not to be called again after anything but a Challenge.
  virtual SaslStep step(std::optional<std::string_view> response) = 0;

  /// What a client whose proof was rejected is told in a last challenge, which it answers with
  /// whatever it likes, before it hears 535 (RFC 7628 section 3.2.2). Empty: nothing. Lives for
  /// ever.
  virtual std::string_view last_word() const { return {}; }
};

/// No name and no password past these is looked at: RFC 4616 asks for 255 octets each, tokens are
/// longer.
inline constexpr std::size_t kMaxIdentity = 255;
inline constexpr std::size_t kMaxPassword = 4096;
/// Octets of a token: what a line of 12,288 has room for (RFC 4954 section 4), less a name.
inline constexpr std::size_t kMaxToken = 8192;

struct ScramUser;

/// What an exchange may need beyond responses.
struct Surroundings {
  /// For SCRAM. Null: there is none.
  std::function<ScramUser(std::string_view authcid)> find_scram_user = {};
  /// The channel binding of RFC 9266, where SCRAM-SHA-256-PLUS is offered, too; else empty.
  std::string tls_exporter = {};
};

/// An exchange of `mechanism` (its registered name in upper case), or null when we have none by
/// that name. Which mechanisms are offered is the configuration's, and the session's to check.
std::unique_ptr<SaslExchange> start_exchange(std::string_view mechanism,
                                             Surroundings surroundings = {});

}  // namespace sallyport::auth
