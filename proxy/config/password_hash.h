// The forms of a stored password: an argon2id hash as a PHC string, and what htpasswd, Dovecot and
// /etc/shadow keep. Checked here, so that a config that was accepted never makes a login fail or
// take a minute; verified in auth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::config {

/// The cost parameters of an argon2id hash.
struct PasswordHashCost {
  std::uint32_t memory_kib = 0;
  std::uint32_t passes = 0;
  std::uint32_t lanes = 0;
};

/// Which function a stored password was made with.
enum class PasswordScheme : std::uint8_t {
  kArgon2id,    ///< `$argon2id$…` (RFC 9106).
  kCrypt,       ///< crypt(5): bcrypt `$2y$`, yescrypt `$y$`, SHA-crypt `$6$` and `$5$`.
  kSaltedSha1,  ///< `{SSHA}`: base64 of the digest and the salt (RFC 2307 as OpenLDAP has it).
  kSaltedSha256,
  kSaltedSha512,
  kScramSha256,  ///< `{SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY` (RFC 5802, as Dovecot has
                 ///< it).
};

/// A stored password of a form that can be verified.
struct PasswordHash {
  PasswordScheme scheme = PasswordScheme::kArgon2id;
  /// What is verified against: without the `{SCHEME}` that Dovecot puts before it.
  std::string text;
  /// How much of `text`, from its beginning, says the function and what it costs: two hashes with
  /// the same beginning take the same time. 0 where the scheme alone says it.
  std::size_t cost_size = 0;
};

/// Reads `$argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH` (base64 without padding). The error says
/// what is wrong with it and never quotes it: what stands there may be a password.
Result<PasswordHashCost> parse_argon2id(std::string_view text);

/// Reads a stored password of any scheme that PasswordScheme lists, with or without Dovecot's
/// `{SCHEME}` before those that say themselves what they are. Fails like `parse_argon2id`; what is
/// known to be weak (MD5, no salt, clear text) is named.
Result<PasswordHash> parse_password_hash(std::string_view text);

/// The parts of a SCRAM verifier (RFC 5803), the last three in base64.
struct ScramVerifier {
  std::uint32_t iterations = 0;
  std::string_view salt;
  std::string_view stored_key;
  std::string_view server_key;
};

/// Splits the text of a PasswordHash whose scheme is kScramSha256. It views `text`.
ScramVerifier read_scram_verifier(std::string_view text);

}  // namespace sallyport::config
