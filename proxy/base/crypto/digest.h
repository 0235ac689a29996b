// Hashes, keyed MACs, random bytes and constant-time comparison. With proxy/net the only user of
// BoringSSL; none of its types leave this folder.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::crypto {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// SHA-256 of `bytes`.
Sha256Digest sha256(std::string_view bytes);

/// HMAC-SHA-256 (RFC 2104) of `bytes` under `key`.
Sha256Digest hmac_sha256(std::string_view key, std::string_view bytes);

/// What digests and keys are made with where a stored password says so.
enum class Hash : std::uint8_t { kSha1, kSha256, kSha512 };

/// The digest of `bytes`: 20, 32 or 64 octets.
std::string digest(Hash hash, std::string_view bytes);

/// PBKDF2 (RFC 8018 section 5.2) with HMAC-SHA-256: 32 octets. Blocks for as long as `iterations`
/// take.
Sha256Digest pbkdf2_sha256(std::string_view password, std::string_view salt,
                           std::uint32_t iterations);

/// Fills `out` from the system's cryptographic generator; it cannot fail.
void random_bytes(std::span<std::uint8_t> out);

/// A random 64-bit value, for ids and jitter.
std::uint64_t random_u64();

/// Compares without telling by its time where the first difference is. The lengths are not secret.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// The digest as bytes in a string view, for the functions that take text.
inline std::string_view as_view(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace sallyport::crypto
