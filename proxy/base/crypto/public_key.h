// The keys that others sign JSON Web Tokens with (RFC 7517, 7518 and 8037), by BoringSSL.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::crypto {

/// Of the algorithms of RFC 7518 those that need no secret of the issuer's to be verified, and none
/// that is weak. A key has one of them: what a token says of its algorithm chooses nothing.
enum class JwsAlgorithm : std::uint8_t { kRs256, kEs256, kEdDsa };

/// A public key. A value; copies share what they look at. Thread-safe.
class PublicKey {
 public:
  /// `modulus` and `exponent`: octets, the most significant first. kInvalid: fewer than 2048 or
  /// more than 8192 bits, or an exponent that no issuer has.
  static Result<PublicKey> rsa(std::string_view modulus, std::string_view exponent);
  /// ECDSA on P-256; 32 octets each. kInvalid: no point of the curve.
  static Result<PublicKey> p256(std::string_view x, std::string_view y);
  /// 32 octets. kInvalid: another number of them.
  static Result<PublicKey> ed25519(std::string_view octets);

  JwsAlgorithm algorithm() const;
  /// Did the owner of the key sign `text` by its algorithm? `signature`: the octets of a JWS.
  bool verifies(std::string_view text, std::string_view signature) const;

 private:
  struct Impl;
  explicit PublicKey(std::shared_ptr<const Impl> impl);

  std::shared_ptr<const Impl> impl_;
};

}  // namespace sallyport::crypto
