// Password hashes: argon2id in PHC strings (RFC 9106). With authenticator.cc the only place that
// ever sees a password in clear after SASL. The sole user of libargon2.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace sallyport::auth {

/// What one argon2id hash costs. The defaults are OWASP's smallest recommendation: 19 MiB, two
/// passes.
struct HashCost {
  std::uint32_t memory_kib = 19456;  ///< m: KiB of memory.
  std::uint32_t passes = 2;          ///< t.
  std::uint32_t lanes = 1;           ///< p: threads that libargon2 starts for one hash.

  auto operator<=>(const HashCost&) const = default;
};

/// More than this is taken for a mistake: it would let one login hold a gibibyte or a CPU for
/// minutes.
inline constexpr HashCost kMostHashCost = {.memory_kib = 1u << 20, .passes = 64, .lanes = 16};

/// Reads the cost out of `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. The error says what is wrong with
/// it, and never quotes it.
Result<HashCost> parse_password_hash(std::string_view hash);

/// A new hash with a random salt of 16 octets. Blocks for the time that `cost` says (20 ms by
/// default). Fails with kSystem when there is no memory, with kInvalid for an empty password or an
/// impossible cost.
Result<std::string> hash_password(const Secret& password, HashCost cost = {});

/// Is this the password of `hash`? Blocks; call it on the thread pool. Compares in constant time.
/// Fails with kSystem when there is no memory, with kInvalid when `hash` is none that we know.
Result<bool> verify_password(const std::string& hash, const Secret& password);

/// A hash of this cost that no password has: checking one against it takes as long as a real check.
std::string decoy_hash(HashCost cost);

}  // namespace sallyport::auth
