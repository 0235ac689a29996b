#include "proxy/base/crypto/public_key.h"

#include <openssl/base.h>
#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#include <utility>

#include "proxy/base/crypto/digest.h"

namespace sallyport::crypto {
namespace {

constexpr int kLeastRsaBits = 2048;
// A key of more takes too long for what a stranger can ask for.
constexpr int kMostRsaBits = 8192;
constexpr std::size_t kMostExponent = 4;
constexpr std::size_t kP256Half = 32;
constexpr std::size_t kEd25519 = 32;

const std::uint8_t* data(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

bssl::UniquePtr<BIGNUM> number(std::string_view octets) {
  return bssl::UniquePtr<BIGNUM>(BN_bin2bn(data(octets), octets.size(), nullptr));
}

}  // namespace

struct PublicKey::Impl {
  JwsAlgorithm algorithm;
  bssl::UniquePtr<EVP_PKEY> key;
};

PublicKey::PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<PublicKey> PublicKey::rsa(std::string_view modulus, std::string_view exponent) {
  auto n = number(modulus);
  auto e = number(exponent);
  const bool fits = n && e && BN_num_bits(n.get()) >= kLeastRsaBits &&
                    BN_num_bits(n.get()) <= kMostRsaBits && BN_num_bytes(e.get()) <= kMostExponent;
  const bssl::UniquePtr<RSA> rsa(fits ? RSA_new() : nullptr);
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  bool made = rsa && key && RSA_set0_key(rsa.get(), n.get(), e.get(), nullptr) == 1;
  if (made) {
    (void)n.release();  // the key's now
    (void)e.release();
    made = EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1;
  }
  ERR_clear_error();
  if (!made) {
    return fail(ErrorCode::kInvalid, "an RSA key of 2048 to 8192 bits is needed");
  }
  return PublicKey(std::make_shared<const Impl>(JwsAlgorithm::kRs256, std::move(key)));
}

Result<PublicKey> PublicKey::p256(std::string_view x, std::string_view y) {
  const auto x_number = number(x);
  const auto y_number = number(y);
  const bssl::UniquePtr<EC_KEY> point(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  const bool made =
      x.size() == kP256Half && y.size() == kP256Half && x_number && y_number && point && key &&
      EC_KEY_set_public_key_affine_coordinates(point.get(), x_number.get(), y_number.get()) == 1 &&
      EVP_PKEY_set1_EC_KEY(key.get(), point.get()) == 1;
  ERR_clear_error();
  if (!made) return fail(ErrorCode::kInvalid, "it is no point of the curve P-256");
  return PublicKey(std::make_shared<const Impl>(JwsAlgorithm::kEs256, std::move(key)));
}

Result<PublicKey> PublicKey::ed25519(std::string_view octets) {
  bssl::UniquePtr<EVP_PKEY> key(
      octets.size() == kEd25519
          ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, data(octets), octets.size())
          : nullptr);
  ERR_clear_error();
  if (!key) return fail(ErrorCode::kInvalid, "an Ed25519 key has 32 octets");
  return PublicKey(std::make_shared<const Impl>(JwsAlgorithm::kEdDsa, std::move(key)));
}

JwsAlgorithm PublicKey::algorithm() const { return impl_->algorithm; }

bool PublicKey::verifies(std::string_view text, std::string_view signature) const {
  bool good = false;
  if (impl_->algorithm == JwsAlgorithm::kEs256) {
    // RFC 7518 section 3.4: r and s one after the other, where ECDSA has them in DER.
    if (signature.size() != 2 * kP256Half) return false;
    const bssl::UniquePtr<ECDSA_SIG> pair(ECDSA_SIG_new());
    auto r = number(signature.substr(0, kP256Half));
    auto s = number(signature.substr(kP256Half));
    if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return false;
    (void)r.release();  // the pair's now
    (void)s.release();
    const Sha256Digest digest = sha256(text);
    good = ECDSA_do_verify(digest.data(), digest.size(), pair.get(),
                           EVP_PKEY_get0_EC_KEY(impl_->key.get())) == 1;
  } else {
    const EVP_MD* const hash =
        impl_->algorithm == JwsAlgorithm::kRs256 ? EVP_sha256() : nullptr;  // PKCS #1 v1.5
    bssl::ScopedEVP_MD_CTX context;
    good = EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, impl_->key.get()) == 1 &&
           EVP_DigestVerify(context.get(), data(signature), signature.size(), data(text),
                            text.size()) == 1;
  }
  ERR_clear_error();
  return good;
}

}  // namespace sallyport::crypto
