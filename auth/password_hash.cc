#include "auth/password_hash.h"

#include <argon2.h>

#include <array>
#include <span>

#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"

namespace sallyport::auth {
namespace {

constexpr std::size_t kSaltSize = 16;  // RFC 9106 section 3.1
constexpr std::size_t kTagSize = 32;

/// PHC strings have base64 without padding.
std::string encode_unpadded(std::span<const std::uint8_t> bytes) {
  std::string text = base64::encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  while (text.ends_with('=')) text.pop_back();
  return text;
}

Error argon2_error(int code) {
  const bool no_memory = code == ARGON2_MEMORY_ALLOCATION_ERROR || code == ARGON2_THREAD_FAIL;
  return {no_memory ? ErrorCode::kSystem : ErrorCode::kInvalid,
          std::string("argon2: ") + argon2_error_message(code)};
}

}  // namespace

Result<std::string> hash_password(const Secret& password, HashCost cost) {
  if (password.empty()) return fail(ErrorCode::kInvalid, "the password is empty");
  std::array<std::uint8_t, kSaltSize> salt;
  crypto::random_bytes(salt);
  std::string encoded(
      argon2_encodedlen(cost.passes, cost.memory_kib, cost.lanes, kSaltSize, kTagSize, Argon2_id),
      '\0');
  const std::string_view bytes = password.reveal();
  const int code =
      argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, bytes.data(), bytes.size(),
                            salt.data(), salt.size(), kTagSize, encoded.data(), encoded.size());
  if (code != ARGON2_OK) return fail(argon2_error(code));
  encoded.resize(encoded.find('\0'));
  return encoded;
}

Result<bool> verify_password(const std::string& hash, const Secret& password) {
  const std::string_view bytes = password.reveal();
  const int code = argon2id_verify(hash.c_str(), bytes.data(), bytes.size());
  if (code == ARGON2_OK) return true;
  if (code == ARGON2_VERIFY_MISMATCH) return false;
  return fail(argon2_error(code));
}

std::string decoy_hash(HashCost cost) {
  std::array<std::uint8_t, kSaltSize + kTagSize> random;
  crypto::random_bytes(random);
  const std::span all(random);
  return "$argon2id$v=19$m=" + std::to_string(cost.memory_kib) +
         ",t=" + std::to_string(cost.passes) + ",p=" + std::to_string(cost.lanes) + '$' +
         encode_unpadded(all.first<kSaltSize>()) + '$' + encode_unpadded(all.last<kTagSize>());
}

}  // namespace sallyport::auth
