#include "tests/unit/auth/issuer.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <cstdint>
#include <vector>

#include "proxy/base/base64.h"

namespace sallyport::auth {
namespace {

std::string text(const std::uint8_t* octets, std::size_t size) {
  return {reinterpret_cast<const char*>(octets), size};
}

std::string octets(const BIGNUM* number, std::size_t size) {
  std::vector<std::uint8_t> out(size);
  BN_bn2bin_padded(out.data(), size, number);
  return text(out.data(), size);
}

bssl::UniquePtr<EVP_PKEY> make(SigningKey::Kind kind) {
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (kind == SigningKey::Kind::kP256) {
    const bssl::UniquePtr<EC_KEY> point(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    EC_KEY_generate_key(point.get());
    EVP_PKEY_set1_EC_KEY(key.get(), point.get());
  } else if (kind == SigningKey::Kind::kEd25519) {
    EVP_PKEY* made = nullptr;
    const bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
    EVP_PKEY_keygen_init(context.get());
    EVP_PKEY_keygen(context.get(), &made);
    key.reset(made);
  } else {
    const bssl::UniquePtr<RSA> rsa(RSA_new());
    const bssl::UniquePtr<BIGNUM> exponent(BN_new());
    BN_set_word(exponent.get(), RSA_F4);
    RSA_generate_key_ex(rsa.get(), kind == SigningKey::Kind::kRsa1024 ? 1024 : 2048, exponent.get(),
                        nullptr);
    EVP_PKEY_set1_RSA(key.get(), rsa.get());
  }
  return key;
}

}  // namespace

struct SigningKey::Impl {
  Kind kind;
  std::string id;
  bssl::UniquePtr<EVP_PKEY> key;
};

SigningKey::SigningKey(Kind kind, std::string id)
    : impl_(std::make_unique<Impl>(kind, std::move(id), make(kind))) {}
SigningKey::~SigningKey() = default;

std::string_view SigningKey::algorithm() const {
  return impl_->kind == Kind::kP256 ? "ES256" : impl_->kind == Kind::kEd25519 ? "EdDSA" : "RS256";
}

std::string SigningKey::jwk(std::string_view more) const {
  const auto part = [](std::string_view name, std::string_view value) {
    return ",\"" + std::string(name) + "\":\"" + base64::encode_url(value) + '"';
  };
  std::string key = R"({"kid":")" + impl_->id + '"' + std::string(more);
  if (impl_->kind == Kind::kP256) {
    const EC_KEY* const point = EVP_PKEY_get0_EC_KEY(impl_->key.get());
    const bssl::UniquePtr<BIGNUM> x(BN_new());
    const bssl::UniquePtr<BIGNUM> y(BN_new());
    EC_POINT_get_affine_coordinates_GFp(EC_KEY_get0_group(point), EC_KEY_get0_public_key(point),
                                        x.get(), y.get(), nullptr);
    key += R"(,"kty":"EC","crv":"P-256")" + part("x", octets(x.get(), 32)) +
           part("y", octets(y.get(), 32));
  } else if (impl_->kind == Kind::kEd25519) {
    std::array<std::uint8_t, 32> raw{};
    std::size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(impl_->key.get(), raw.data(), &size);
    key += R"(,"kty":"OKP","crv":"Ed25519")" + part("x", text(raw.data(), size));
  } else {
    const RSA* const rsa = EVP_PKEY_get0_RSA(impl_->key.get());
    const auto all = [](const BIGNUM* number) { return octets(number, BN_num_bytes(number)); };
    key += R"(,"kty":"RSA")" + part("n", all(RSA_get0_n(rsa))) + part("e", all(RSA_get0_e(rsa)));
  }
  return key + '}';
}

std::string SigningKey::sign(std::string_view claims, std::string_view header) const {
  const std::string usual =
      R"({"alg":")" + std::string(algorithm()) + R"(","typ":"JWT","kid":")" + impl_->id + "\"}";
  std::string token = base64::encode_url(header.empty() ? std::string_view(usual) : header) + '.' +
                      base64::encode_url(claims);
  const auto* const data = reinterpret_cast<const std::uint8_t*>(token.data());
  bssl::ScopedEVP_MD_CTX context;
  EVP_DigestSignInit(context.get(), nullptr, impl_->kind == Kind::kEd25519 ? nullptr : EVP_sha256(),
                     nullptr, impl_->key.get());
  std::array<std::uint8_t, 512> buffer{};
  std::size_t size = buffer.size();
  EVP_DigestSign(context.get(), buffer.data(), &size, data, token.size());
  std::string signature = text(buffer.data(), size);
  if (impl_->kind == Kind::kP256) {
    const bssl::UniquePtr<ECDSA_SIG> pair(ECDSA_SIG_from_bytes(buffer.data(), size));
    signature = octets(ECDSA_SIG_get0_r(pair.get()), 32) + octets(ECDSA_SIG_get0_s(pair.get()), 32);
  }
  return token + '.' + base64::encode_url(signature);
}

std::string SigningKey::public_pem() const {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(out.get(), impl_->key.get());
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(out.get(), &data, &size);
  return text(data, size);
}

std::string raw_token(std::string_view header, std::string_view claims,
                      std::string_view signature) {
  return base64::encode_url(header) + '.' + base64::encode_url(claims) + '.' +
         base64::encode_url(signature);
}

}  // namespace sallyport::auth
