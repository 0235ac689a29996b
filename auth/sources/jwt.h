// JSON Web Tokens (RFC 7519) of others, and the keys they are signed with (RFC 7517): read and
// checked here, fetched elsewhere. Both come from strangers until a signature was verified.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/crypto/public_key.h"
#include "proxy/base/result.h"
#include "proxy/http/json.h"

namespace sallyport::auth {

/// A longer token is not looked at: SMTP's longest line of AUTH holds 9,000 octets.
inline constexpr std::size_t kMostToken = 16 * 1024;

/// Has the text the form of a signed token: three parts in base64url, the first a JSON object? Says
/// nothing of what is in them. Cheap: a password is not taken for one.
bool looks_like_jwt(std::string_view text);

/// A token in its parts, of which nothing is proved yet.
struct Jwt {
  crypto::JwsAlgorithm algorithm = crypto::JwsAlgorithm::kRs256;
  std::string key_id;            ///< Compared with the ids of keys, and nothing else; may be empty.
  std::string_view signed_part;  ///< Views the token.
  std::string signature;
  http::Json claims;
};

/// kInvalid: it is no token, or is signed by none of RS256, ES256 and EdDSA. The text of the error
/// quotes nothing of the token. `token` must outlive what is returned.
Result<Jwt> parse_jwt(std::string_view token);

/// The keys of an issuer.
class KeySet {
 public:
  KeySet() = default;
  /// kInvalid: it is no JWK set. Keys of other algorithms, for encryption, or broken are left out;
  /// one that is there twice counts once. A set without any key that is of use is kInvalid.
  static Result<KeySet> parse(std::string_view json);

  /// Whether a key signed the token.
  enum class Verdict { kSigned, kForged, kUnknownKey };
  /// kUnknownKey: no key has the token's id. A token without one may be signed by any.
  Verdict verify(const Jwt& token) const;

  std::size_t size() const { return keys_.size(); }

 private:
  struct Key {
    std::string id;
    crypto::PublicKey key;
  };
  std::vector<Key> keys_;
};

/// What is asked of a token's claims.
struct ClaimRules {
  std::string issuer;
  std::vector<std::string> audiences;  ///< The token is for one of them.
  Duration leeway{};                   ///< How far clocks may be apart.
  Duration longest_life{};             ///< From `iat` (else `nbf`, else now) to `exp`.
};

/// How long the token is good for, from now: more than nothing. kInvalid says what is wrong; the
/// text quotes nothing of the token.
Result<Duration> check_claims(const http::Json& claims, const ClaimRules& rules, WallTime now);

/// A text in which `{claim}` stands for what a token says; `{a.b}` for a claim within a claim.
/// Doubled braces are not known: no name, address or label has any.
class ClaimTemplate {
 public:
  /// kInvalid: a brace that does not end, or nothing in it.
  static Result<ClaimTemplate> parse(std::string_view text);

  /// The texts that it stands for: one, or where the template is a single claim that is a list, one
  /// for each of its elements. nullopt: a claim is not there, is no text, or has an octet that
  /// could mean more than itself: a control character, a blank at an end, or one of `forbidden`.
  std::optional<std::vector<std::string>> fill(const http::Json& claims,
                                               std::string_view forbidden = {}) const;

 private:
  /// A text, and the claim behind it; an empty claim: none.
  std::vector<std::pair<std::string, std::string>> parts_;
};

}  // namespace sallyport::auth
