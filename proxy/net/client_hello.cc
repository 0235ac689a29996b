#include "proxy/net/client_hello.h"

#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>

#include <array>
#include <optional>

namespace sallyport::net {
namespace {

/// A curve as signatures and as groups name it (RFC 8446 sections 4.2.3 and 4.2.7).
struct Curve {
  std::uint16_t signature;
  std::uint16_t group;
};

constexpr Curve kP256{.signature = SSL_SIGN_ECDSA_SECP256R1_SHA256, .group = 23};
constexpr Curve kP384{.signature = SSL_SIGN_ECDSA_SECP384R1_SHA384, .group = 24};
constexpr Curve kP521{.signature = SSL_SIGN_ECDSA_SECP521R1_SHA512, .group = 25};

// The ECDHE-ECDSA suites that we have (RFC 5289, RFC 7905).
constexpr std::array<std::uint16_t, 3> kEcdsaSuites = {0xc02b, 0xc02c, 0xcca9};

std::optional<Curve> curve_of(const EVP_PKEY& key) {
  const EC_KEY* const ec = EVP_PKEY_get0_EC_KEY(&key);
  if (ec == nullptr) return std::nullopt;
  switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(ec))) {
    case NID_X9_62_prime256v1:
      return kP256;
    case NID_secp384r1:
      return kP384;
    case NID_secp521r1:
      return kP521;
    default:
      return std::nullopt;
  }
}

/// The list of 16-bit values in an extension, behind a length of `prefix` octets; empty if the
/// extension is not there or not whole.
CBS list_in(const SSL_CLIENT_HELLO& hello, std::uint16_t extension, int prefix) {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  CBS list;
  CBS_init(&list, nullptr, 0);
  if (SSL_early_callback_ctx_extension_get(&hello, extension, &data, &size) != 1) return list;
  CBS whole;
  CBS_init(&whole, data, size);
  const int read = prefix == 1 ? CBS_get_u8_length_prefixed(&whole, &list)
                               : CBS_get_u16_length_prefixed(&whole, &list);
  if (read != 1) CBS_init(&list, nullptr, 0);
  return list;
}

bool has(CBS list, std::uint16_t wanted) {
  std::uint16_t value = 0;
  while (CBS_get_u16(&list, &value) == 1) {
    if (value == wanted) return true;
  }
  return false;
}

bool has_ecdsa_suite(const SSL_CLIENT_HELLO& hello) {
  CBS suites;
  CBS_init(&suites, hello.cipher_suites, hello.cipher_suites_len);
  for (const std::uint16_t suite : kEcdsaSuites) {
    if (has(suites, suite)) return true;
  }
  return false;
}

}  // namespace

bool takes_ecdsa(const SSL_CLIENT_HELLO& hello, const EVP_PKEY& key) {
  const auto curve = curve_of(key);
  if (!curve) return false;
  const CBS signatures = list_in(hello, TLSEXT_TYPE_signature_algorithms, 2);
  if (has(list_in(hello, TLSEXT_TYPE_supported_versions, 1), TLS1_3_VERSION)) {
    return has(signatures, curve->signature);
  }
  // In TLS 1.2 the signature says only the hash: the curve is among the groups (RFC 8422 5.1.1).
  const bool signature = has(signatures, kP256.signature) || has(signatures, kP384.signature) ||
                         has(signatures, kP521.signature);
  return signature && has_ecdsa_suite(hello) &&
         has(list_in(hello, TLSEXT_TYPE_supported_groups, 2), curve->group);
}

}  // namespace sallyport::net
