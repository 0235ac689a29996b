// Certificates and keys from PEM text.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// The certificates of a text in their order, at least one; other PEM blocks are passed over.
/// kInvalid says what is wrong with it.
Result<std::vector<bssl::UniquePtr<X509>>> parse_certificates(std::string_view pem);

/// An unencrypted private key: ECDSA (P-256, P-384, P-521) or RSA (2048 bits and more). kInvalid
/// says why it can't be used.
Result<bssl::UniquePtr<EVP_PKEY>> parse_key(std::string_view pem);

/// A time of a certificate.
WallTime wall_time(const ASN1_TIME& time);

}  // namespace sallyport::net
