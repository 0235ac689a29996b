#include "auth/password_hash.h"

#include <argon2.h>
#include <crypt.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/sasl/scram_server.h"

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

Result<bool> verify_argon2id(const std::string& hash, std::string_view password) {
  const int code = argon2id_verify(hash.c_str(), password.data(), password.size());
  if (code == ARGON2_OK) return true;
  if (code == ARGON2_VERIFY_MISMATCH) return false;
  return fail(argon2_error(code));
}

Result<bool> verify_crypt(const std::string& hash, std::string_view password) {
  // crypt's working memory holds the password, and is some 32 KiB: not for a thread's stack.
  const auto wipe = [](crypt_data* data) {
    explicit_bzero(data, sizeof *data);
    delete data;
  };
  const std::unique_ptr<crypt_data, decltype(wipe)> data(new crypt_data(), wipe);
  std::string copy(password);
  const Secret phrase = Secret::consume(copy);  // ends in a NUL
  const char* made =
      crypt_rn(phrase.reveal().data(), hash.c_str(), data.get(), static_cast<int>(sizeof *data));
  if (!made) {
    const bool no_memory = errno == ENOMEM;
    return fail(no_memory ? ErrorCode::kSystem : ErrorCode::kInvalid,
                std::string("crypt: ") + std::strerror(errno));
  }
  return crypto::equal_in_constant_time(made, hash);
}

/// RFC 2307 section 5.3 as OpenLDAP has it: the digest of the password and the salt, and the salt.
Result<bool> verify_salted(crypto::Hash hash, const std::string& text, std::string_view password) {
  const auto octets = base64::decode(text);
  const std::size_t size = crypto::digest(hash, {}).size();
  if (!octets || octets->size() < size) return fail(ErrorCode::kInvalid, "it is no salted digest");
  std::string copy;
  copy.reserve(password.size() + octets->size());  // none is left behind by growing
  copy.append(password).append(*octets, size);
  const Secret salted = Secret::consume(copy);
  return crypto::equal_in_constant_time(crypto::digest(hash, salted.reveal()),
                                        std::string_view(*octets).substr(0, size));
}

/// RFC 5802 section 3, with SHA-256 (RFC 7677).
Result<bool> verify_scram(const std::string& text, std::string_view password) {
  const config::ScramVerifier verifier = config::read_scram_verifier(text);
  const auto salt = base64::decode(verifier.salt);
  const auto expected = base64::decode(verifier.stored_key);
  if (verifier.iterations == 0 || !salt || !expected) {
    return fail(ErrorCode::kInvalid, "it is no SCRAM verifier");
  }
  // As a client that logs in by SCRAM would; what can't be prepared is no password of this user.
  const auto prepared = sasl::prepare_password(password);
  const auto salted =
      crypto::pbkdf2_sha256(prepared ? prepared->reveal() : password, *salt, verifier.iterations);
  const auto client_key = crypto::hmac_sha256(crypto::as_view(salted), "Client Key");
  const auto stored_key = crypto::sha256(crypto::as_view(client_key));
  return crypto::equal_in_constant_time(crypto::as_view(stored_key), *expected);
}

/// Random characters of what follows the salt in crypt(5).
std::string random_crypt_text(std::size_t size) {
  static constexpr std::string_view kAlphabet =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string random(size, '\0');
  crypto::random_bytes({reinterpret_cast<std::uint8_t*>(random.data()), random.size()});
  for (char& c : random) c = kAlphabet[static_cast<std::uint8_t>(c) % kAlphabet.size()];
  return random;
}

std::string random_base64(std::size_t size) {
  std::string random(size, '\0');
  crypto::random_bytes({reinterpret_cast<std::uint8_t*>(random.data()), random.size()});
  return base64::encode(random);
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

Result<std::string> make_scram_verifier(const Secret& password, std::uint32_t iterations) {
  if (password.reveal().empty()) return fail(ErrorCode::kInvalid, "the password is empty");
  const auto keys = sasl::make_scram_keys(password, iterations);
  if (!keys) return fail(keys.error());
  return fmt::format("{{SCRAM-SHA-256}}{},{},{},{}", keys->iterations, keys->salt, keys->stored_key,
                     keys->server_key);
}

Result<bool> verify_password(const std::string& hash, const Secret& password) {
  const auto stored = config::parse_password_hash(hash);
  if (!stored) return fail(stored.error());
  const std::string_view bytes = password.reveal();
  switch (stored->scheme) {
    case config::PasswordScheme::kArgon2id:
      return verify_argon2id(stored->text, bytes);
    case config::PasswordScheme::kCrypt:
      return verify_crypt(stored->text, bytes);
    case config::PasswordScheme::kSaltedSha1:
      return verify_salted(crypto::Hash::kSha1, stored->text, bytes);
    case config::PasswordScheme::kSaltedSha256:
      return verify_salted(crypto::Hash::kSha256, stored->text, bytes);
    case config::PasswordScheme::kSaltedSha512:
      return verify_salted(crypto::Hash::kSha512, stored->text, bytes);
    case config::PasswordScheme::kScramSha256:
      return verify_scram(stored->text, bytes);
  }
  return fail(ErrorCode::kInvalid, "its scheme is not known");
}

std::string decoy_hash(HashCost cost) {
  std::array<std::uint8_t, kSaltSize + kTagSize> random;
  crypto::random_bytes(random);
  const std::span all(random);
  return "$argon2id$v=19$m=" + std::to_string(cost.memory_kib) +
         ",t=" + std::to_string(cost.passes) + ",p=" + std::to_string(cost.lanes) + '$' +
         encode_unpadded(all.first<kSaltSize>()) + '$' + encode_unpadded(all.last<kTagSize>());
}

std::string decoy_hash(const config::PasswordHash& like) {
  const std::string& text = like.text;
  switch (like.scheme) {
    case config::PasswordScheme::kArgon2id:
      if (const auto cost = config::parse_argon2id(text)) return decoy_hash(*cost);
      return decoy_hash(kDefaultHashCost);
    case config::PasswordScheme::kCrypt: {
      // Of bcrypt the salt and the hash are not told apart by a "$": the salt has 22 characters.
      const bool bcrypt = text.starts_with("$2");
      const std::size_t hash_at = bcrypt ? like.cost_size + 22 : text.rfind('$') + 1;
      return text.substr(0, hash_at) + random_crypt_text(text.size() - hash_at);
    }
    case config::PasswordScheme::kSaltedSha1:
      return "{SSHA}" + random_base64(20 + 8);
    case config::PasswordScheme::kSaltedSha256:
      return "{SSHA256}" + random_base64(32 + 8);
    case config::PasswordScheme::kSaltedSha512:
      return "{SSHA512}" + random_base64(64 + 8);
    case config::PasswordScheme::kScramSha256:
      return "{SCRAM-SHA-256}" + text.substr(0, like.cost_size) + ',' + random_base64(16) + ',' +
             random_base64(32) + ',' + random_base64(32);
  }
  return decoy_hash(kDefaultHashCost);
}

}  // namespace sallyport::auth
