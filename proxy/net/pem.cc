#include "proxy/net/pem.h"

#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>

#include <string>

#include "proxy/net/chain.h"
#include "proxy/net/tls_errors.h"

namespace sallyport::net {
namespace {

/// BoringSSL would otherwise ask on the terminal.
int no_password(char*, int, int, void*) { return 0; }

bool is_end_of_text(std::uint32_t error) {
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

Result<void> check_key(const EVP_PKEY& key) {
  switch (EVP_PKEY_id(&key)) {
    case EVP_PKEY_EC: {
      const EC_KEY* const ec = EVP_PKEY_get0_EC_KEY(&key);
      const int curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(ec));
      if (curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1) {
        return {};
      }
      return fail(ErrorCode::kInvalid,
                  "the key's curve is not supported: P-256, P-384 or P-521 is needed");
    }
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_bits(&key);
      if (bits >= kLeastRsaBits) return {};
      return fail(ErrorCode::kInvalid,
                  "the RSA key has " + std::to_string(bits) + " bits: 2048 or more are needed");
    }
    default:
      return fail(ErrorCode::kInvalid,
                  "this kind of private key is not supported: ECDSA or RSA is needed");
  }
}

}  // namespace

Result<std::vector<bssl::UniquePtr<X509>>> parse_certificates(std::string_view pem) {
  const auto reader = reader_of(pem);
  std::vector<bssl::UniquePtr<X509>> certificates;
  while (true) {
    bssl::UniquePtr<X509> certificate(
        PEM_read_bio_X509(reader.get(), nullptr, no_password, nullptr));
    if (!certificate) break;
    certificates.push_back(std::move(certificate));
  }
  const bool whole = is_end_of_text(ERR_peek_last_error());
  const std::string reason = take_reason();
  if (!whole) {
    return fail(ErrorCode::kInvalid, "certificate " + std::to_string(certificates.size() + 1) +
                                         " cannot be read: " + reason);
  }
  if (certificates.empty()) {
    return fail(ErrorCode::kInvalid,
                "there is no certificate in it: PEM with -----BEGIN CERTIFICATE----- is needed");
  }
  return certificates;
}

Result<bssl::UniquePtr<EVP_PKEY>> parse_key(std::string_view pem) {
  const auto reader = reader_of(pem);
  bssl::UniquePtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(reader.get(), nullptr, no_password, nullptr));
  if (!key) {
    const bool none = is_end_of_text(ERR_peek_last_error());
    const std::string reason = take_reason();
    if (pem.find("ENCRYPTED") != std::string_view::npos) {
      return fail(ErrorCode::kInvalid, "the private key is encrypted: store it without a password");
    }
    if (none) {
      return fail(ErrorCode::kInvalid,
                  "there is no private key in it: PEM with -----BEGIN PRIVATE KEY----- is needed");
    }
    return fail(ErrorCode::kInvalid, "the private key cannot be read: " + reason);
  }
  const auto usable = check_key(*key);
  if (!usable) return fail(usable.error());
  return key;
}

WallTime wall_time(const ASN1_TIME& time) {
  const bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (!epoch || ASN1_TIME_diff(&days, &seconds, epoch.get(), &time) != 1) return WallTime{};
  return WallTime{std::chrono::days(days) + std::chrono::seconds(seconds)};
}

}  // namespace sallyport::net
