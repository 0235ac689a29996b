#include "proxy/base/crypto/signature.h"

#include <openssl/base.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>

#include "proxy/base/crypto/digest.h"

namespace sallyport::crypto {
namespace {

constexpr int kLeastRsaBits = 2048;
constexpr std::size_t kP256Half = 32;
constexpr std::string_view kExpected =
    "an unencrypted private key in PEM is needed: RSA with 2048 bits or more, or ECDSA P-256";

int no_password(char*, int, int, void*) { return 0; }

const std::uint8_t* data(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

bssl::UniquePtr<BIO> reader_of(std::string_view pem) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

bool is_p256(const EVP_PKEY& key) {
  if (EVP_PKEY_id(&key) != EVP_PKEY_EC) return false;
  const EC_GROUP* const group = EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(&key));
  return EC_GROUP_get_curve_name(group) == NID_X9_62_prime256v1;
}

Result<bssl::UniquePtr<EVP_PKEY>> parse(std::string_view pem) {
  const auto reader = reader_of(pem);
  bssl::UniquePtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(reader.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  const bool usable = key && (is_p256(*key) || (EVP_PKEY_id(key.get()) == EVP_PKEY_RSA &&
                                                EVP_PKEY_bits(key.get()) >= kLeastRsaBits));
  if (!usable) return fail(ErrorCode::kInvalid, std::string(kExpected));
  return key;
}

std::string_view algorithm_of(const EVP_PKEY& key, RsaPadding padding) {
  if (EVP_PKEY_id(&key) == EVP_PKEY_EC) return "ES256";
  return padding == RsaPadding::kPss ? "PS256" : "RS256";
}

/// RFC 7518 section 3.4: r and s one after the other, where ECDSA has them in DER.
std::string flat(std::string_view der) {
  const bssl::UniquePtr<ECDSA_SIG> signature(ECDSA_SIG_from_bytes(data(der), der.size()));
  std::array<std::uint8_t, 2 * kP256Half> halves;
  if (!signature ||
      BN_bn2bin_padded(halves.data(), kP256Half, ECDSA_SIG_get0_r(signature.get())) != 1 ||
      BN_bn2bin_padded(halves.data() + kP256Half, kP256Half, ECDSA_SIG_get0_s(signature.get())) !=
          1) {
    return {};
  }
  return {reinterpret_cast<const char*>(halves.data()), halves.size()};
}

std::string sign(EVP_PKEY& key, RsaPadding padding, std::string_view text) {
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* parameters = nullptr;
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), &parameters, EVP_sha256(), nullptr, &key) != 1) {
    return {};
  }
  if (EVP_PKEY_id(&key) == EVP_PKEY_RSA && padding == RsaPadding::kPss &&
      (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, -1) != 1)) {  // as long as the digest
    return {};
  }
  auto* const signing = context.get();
  if (EVP_DigestSign(signing, nullptr, &size, data(text), text.size()) != 1) return {};
  std::string signature(size, '\0');
  if (EVP_DigestSign(signing, reinterpret_cast<std::uint8_t*>(signature.data()), &size, data(text),
                     text.size()) != 1) {
    return {};
  }
  signature.resize(size);
  return EVP_PKEY_id(&key) == EVP_PKEY_EC ? flat(signature) : signature;
}

}  // namespace

Result<std::string_view> jws_algorithm(std::string_view key_pem, RsaPadding padding) {
  const auto key = parse(key_pem);
  if (!key) return fail(key.error());
  return algorithm_of(**key, padding);
}

Result<JwsSignature> sign_jws(std::string_view key_pem, RsaPadding padding, std::string_view text) {
  const auto key = parse(key_pem);
  if (!key) return fail(key.error());
  JwsSignature signature{.algorithm = algorithm_of(**key, padding),
                         .octets = sign(**key, padding, text)};
  ERR_clear_error();
  if (signature.octets.empty()) return fail(ErrorCode::kSystem, "the key could not sign");
  return signature;
}

Result<std::string> certificate_thumbprint(std::string_view certificate_pem) {
  const auto reader = reader_of(certificate_pem);
  const bssl::UniquePtr<X509> certificate(
      PEM_read_bio_X509(reader.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  std::uint8_t* der = nullptr;
  const int size = certificate ? i2d_X509(certificate.get(), &der) : 0;
  if (size <= 0) return fail(ErrorCode::kInvalid, "there is no certificate in PEM in it");
  const bssl::UniquePtr<std::uint8_t> owner(der);
  const auto digest = sha256({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)});
  return std::string(as_view(digest));
}

}  // namespace sallyport::crypto
