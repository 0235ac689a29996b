// Password hashes: made with argon2id (RFC 9106), verified in each scheme of
// config::PasswordScheme. With authenticator.cc the only place that ever sees a password in clear
// after SASL. The sole user of libargon2 and libcrypt.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/config/password_hash.h"

namespace sallyport::auth {

/// What a hash costs; libargon2 starts a thread for each lane.
using HashCost = config::PasswordHashCost;
/// OWASP's smallest recommendation: 19 MiB, two passes, one lane.
inline constexpr HashCost kDefaultHashCost = {.memory_kib = 19456, .passes = 2, .lanes = 1};

/// A new hash with a random salt of 16 octets. Blocks for the time that `cost` says (≈ 30 ms by
/// default). Fails with kSystem when there is no memory, with kInvalid for an empty password or an
/// impossible cost.
Result<std::string> hash_password(const Secret& password, HashCost cost = kDefaultHashCost);

/// What SCRAM can check a password with: `{SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY`.
inline constexpr std::uint32_t kDefaultScramIterations = 16384;
Result<std::string> make_scram_verifier(const Secret& password,
                                        std::uint32_t iterations = kDefaultScramIterations);

/// Is this the password of `hash`, a stored password as config::parse_password_hash takes it?
/// Blocks; call it on the thread pool. Compares in constant time. Fails with kSystem when there is
/// no memory, with kInvalid when `hash` is none that we know.
Result<bool> verify_password(const std::string& hash, const Secret& password);

/// A hash of this cost that no password has: checking one against it takes as long as a real check.
std::string decoy_hash(HashCost cost);

/// The same for any scheme: as costly as `like`.
std::string decoy_hash(const config::PasswordHash& like);

}  // namespace sallyport::auth
