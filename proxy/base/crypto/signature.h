// Signatures as JSON Web Signatures have them (RFC 7518), by BoringSSL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::crypto {

/// How an RSA key signs; an ECDSA key has one way.
enum class RsaPadding : std::uint8_t { kPss, kPkcs1 };

/// A signature and the name of its algorithm.
struct JwsSignature {
  std::string_view algorithm;  ///< "PS256", "RS256" or "ES256"; lives for ever.
  std::string octets;
};

/// The algorithm that a key in PEM signs by. kInvalid: it is no unencrypted key of RSA (2048 bits
/// and more) or ECDSA (P-256).
Result<std::string_view> jws_algorithm(std::string_view key_pem, RsaPadding padding);

/// Signs `text` with a key in PEM. The same errors.
Result<JwsSignature> sign_jws(std::string_view key_pem, RsaPadding padding, std::string_view text);

/// SHA-256 of the first certificate of a PEM text, as it is in DER (`x5t#S256`, RFC 7515 section
/// 4.1.8). kInvalid: there is none.
Result<std::string> certificate_thumbprint(std::string_view certificate_pem);

}  // namespace sallyport::crypto
