#include "proxy/base/crypto/digest.h"

#include <openssl/base.h>
#include <openssl/digest.h>
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
