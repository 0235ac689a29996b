#include "proxy/base/crypto/digest.h"

#include <openssl/base.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#ifndef OPENSSL_IS_BORINGSSL
#error "OpenSSL's headers were found before BoringSSL's: check BORINGSSL_ROOT"
#endif

namespace sallyport::crypto {
namespace {

const std::uint8_t* data(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

}  // namespace

Sha256Digest sha256(std::string_view bytes) {
  Sha256Digest digest;
  SHA256(data(bytes), bytes.size(), digest.data());
  return digest;
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  Sha256Digest digest;
  unsigned size = digest.size();
  HMAC(EVP_sha256(), key.data(), key.size(), data(bytes), bytes.size(), digest.data(), &size);
  return digest;
}

std::string digest(Hash hash, std::string_view bytes) {
  const EVP_MD* md = hash == Hash::kSha1     ? EVP_sha1()
                     : hash == Hash::kSha256 ? EVP_sha256()
                                             : EVP_sha512();
  std::string octets(EVP_MD_size(md), '\0');
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<std::uint8_t*>(octets.data()), nullptr,
             md, nullptr);
  return octets;
}

Sha256Digest pbkdf2_sha256(std::string_view password, std::string_view salt,
                           std::uint32_t iterations) {
  Sha256Digest key;
  PKCS5_PBKDF2_HMAC(password.data(), password.size(), data(salt), salt.size(), iterations,
                    EVP_sha256(), key.size(), key.data());
  return key;
}

void random_bytes(std::span<std::uint8_t> out) { RAND_bytes(out.data(), out.size()); }

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  random_bytes({reinterpret_cast<std::uint8_t*>(&value), sizeof value});
  return value;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace sallyport::crypto
