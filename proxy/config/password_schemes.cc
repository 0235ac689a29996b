// Stored passwords of other makes than our own: crypt(5), salted SHA and SCRAM verifiers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/base64.h"
#include "proxy/config/numbers.h"
#include "proxy/config/password_hash.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kCryptAlphabet =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kKnown =
    "it is no hash that is known here ($argon2id$, $y$, $2y$, $6$, $5$, {SSHA512}, {SSHA256}, "
    "{SSHA} or {SCRAM-SHA-256})";

// Each of these lets a login take about two seconds on today's machines.
constexpr std::uint64_t kMostBcryptCost = 15;
constexpr std::uint64_t kMostShaRounds = 5'000'000;
constexpr std::uint64_t kMostScramIterations = 4'000'000;
constexpr std::size_t kMostYescryptMemory = 16;  // 2 to this power is N; 128 · r · N octets
// RFC 7677 section 4 wants at least 4,096; Dovecot and PostgreSQL make that many.
constexpr std::uint64_t kLeastScramIterations = 4096;

std::unexpected<Error> wrong(std::string what) {
  return fail(ErrorCode::kInvalid, std::move(what));
}

bool is_crypt_text(std::string_view text, std::size_t size) {
  return text.size() == size && text.find_first_not_of(kCryptAlphabet) == text.npos;
}

PasswordHash of(PasswordScheme scheme, std::string_view text, std::size_t cost_size = 0) {
  return {.scheme = scheme, .text = std::string(text), .cost_size = cost_size};
}

/// `$2y$COST$`, 22 characters of salt and 31 of hash.
Result<PasswordHash> read_bcrypt(std::string_view text) {
  constexpr std::size_t kPrefix = 7;
  std::string_view cost = text.substr(0, kPrefix).substr(4);
  const auto number = take_number(cost);
  if (!number || cost != "$") return wrong("its cost does not read $2y$NN$");
  if (*number < 4 || *number > kMostBcryptCost) {
    return wrong(fmt::format("its bcrypt cost {} is not from 4 to {}", *number, kMostBcryptCost));
  }
  if (!is_crypt_text(text.substr(kPrefix), 53)) {
    return wrong("its salt and hash are not the 53 characters that bcrypt has");
  }
  return of(PasswordScheme::kCrypt, text, kPrefix);
}

/// `$6$[rounds=N$]SALT$HASH`.
Result<PasswordHash> read_sha_crypt(std::string_view text, std::size_t hash_size) {
  std::string_view rest = text.substr(3);
  if (rest.starts_with("rounds=")) {
    rest.remove_prefix(7);
    const auto rounds = take_number(rest);
    if (!rounds || !rest.starts_with('$')) return wrong("its rounds do not read rounds=N$");
    if (*rounds < 1000 || *rounds > kMostShaRounds) {
      return wrong(fmt::format("its rounds={} are not from 1000 to {}", *rounds, kMostShaRounds));
    }
    rest.remove_prefix(1);
  }
  const std::size_t cost_size = text.size() - rest.size();
  const std::size_t dollar = rest.find('$');
  const bool good = dollar != rest.npos && dollar > 0 && dollar <= 16 &&
                    is_crypt_text(rest.substr(dollar + 1), hash_size);
  if (!good)
    return wrong(fmt::format("it is not a salt of up to 16 characters, $ and {}", hash_size));
  return of(PasswordScheme::kCrypt, text, cost_size);
}

/// `$y$PARAMETERS$SALT$HASH`: the second parameter is the base-2 logarithm of N, less one.
Result<PasswordHash> read_yescrypt(std::string_view text) {
  std::array<std::string_view, 3> parts;
  std::string_view rest = text.substr(3);
  for (std::string_view& part : parts) {
    const std::size_t end = std::min(rest.find('$'), rest.size());
    part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto& [parameters, salt, hash] = parts;
  const bool good = rest.empty() && parameters.size() >= 3 && parameters.size() <= 16 &&
                    is_crypt_text(parameters, parameters.size()) && !salt.empty() &&
                    salt.size() <= 86 && is_crypt_text(salt, salt.size()) &&
                    is_crypt_text(hash, 43);
  if (!good) return wrong("it does not read $y$PARAMETERS$SALT$HASH");
  const bool usual =
      parameters[0] == 'j' && kCryptAlphabet.find(parameters[1]) < kMostYescryptMemory;
  if (!usual) return wrong("its yescrypt parameters are not usual ones, or would take gigabytes");
  return of(PasswordScheme::kCrypt, text, 3 + parameters.size() + 1);
}

Result<PasswordHash> read_salted_sha(PasswordScheme scheme, std::string_view text,
                                     std::size_t digest_size) {
  const auto octets = base64::decode(text);
  if (!octets) return wrong("its digest and salt are no base64");
  if (octets->size() < digest_size + 4 || octets->size() > digest_size + 64) {
    return wrong(fmt::format("it is not a digest of {} octets and a salt of 4 to 64", digest_size));
  }
  return of(scheme, text);
}

/// `ITERATIONS,SALT,STOREDKEY,SERVERKEY`, the last three in base64.
Result<PasswordHash> read_scram(std::string_view text) {
  std::string_view rest = text;
  const auto iterations = take_number(rest);
  if (!iterations || !rest.starts_with(',')) {
    return wrong("it does not read {SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY");
  }
  if (*iterations < kLeastScramIterations || *iterations > kMostScramIterations) {
    return wrong(fmt::format("its iterations {} are not from {} to {}", *iterations,
                             kLeastScramIterations, kMostScramIterations));
  }
  const std::size_t cost_size = text.size() - rest.size();
  constexpr std::size_t kKey = 32;
  for (const auto [least, most] :
       {std::pair<std::size_t, std::size_t>{4, 64}, {kKey, kKey}, {kKey, kKey}}) {
    if (!rest.starts_with(',')) return wrong("it has no salt and two keys behind its iterations");
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find(','), rest.size());
    const auto octets = base64::decode(rest.substr(0, end));
    if (!octets || octets->size() < least || octets->size() > most) {
      return wrong("its salt and keys are not base64, with keys of 32 octets");
    }
    rest.remove_prefix(end);
  }
  if (!rest.empty()) return wrong("something follows its keys");
  return of(PasswordScheme::kScramSha256, text, cost_size);
}

/// What says itself what it is.
Result<PasswordHash> read_marked(std::string_view text) {
  if (text.starts_with("$argon2id$")) {
    if (const auto cost = parse_argon2id(text); !cost) return fail(cost.error());
    return of(PasswordScheme::kArgon2id, text, text.find('$', text.find(",p=")) + 1);
  }
  for (const std::string_view bcrypt : {"$2y$", "$2b$", "$2a$"}) {
    if (text.starts_with(bcrypt)) return read_bcrypt(text);
  }
  if (text.starts_with("$6$")) return read_sha_crypt(text, 86);
  if (text.starts_with("$5$")) return read_sha_crypt(text, 43);
  if (text.starts_with("$y$")) return read_yescrypt(text);
  if (text.starts_with("$apr1$") || text.starts_with("$1$")) {
    return wrong("it is an MD5 hash, which is cracked in no time; make one with: htpasswd -B");
  }
  return wrong(std::string(kKnown));
}

}  // namespace

Result<PasswordHash> parse_password_hash(std::string_view text) {
  if (!text.starts_with('{')) return read_marked(text);
  const std::size_t end = text.find('}');
  if (end == text.npos) return wrong(std::string(kKnown));
  const std::string scheme = ascii::lower(text.substr(1, end - 1));
  const std::string_view rest = text.substr(end + 1);
  if (scheme == "ssha") return read_salted_sha(PasswordScheme::kSaltedSha1, rest, 20);
  if (scheme == "ssha256") return read_salted_sha(PasswordScheme::kSaltedSha256, rest, 32);
  if (scheme == "ssha512") return read_salted_sha(PasswordScheme::kSaltedSha512, rest, 64);
  if (scheme == "scram-sha-256") return read_scram(rest);
  for (const std::string_view marked :
       {"argon2id", "crypt", "blf-crypt", "sha512-crypt", "sha256-crypt"}) {
    if (scheme == marked) return read_marked(rest);
  }
  if (scheme == "plain" || scheme == "cleartext") {
    return wrong("it is a password in clear; make a hash of it with: sallyport hash-password");
  }
  if (scheme.starts_with("sha") || scheme.contains("md5")) {
    return wrong("it is a hash without a salt, or of MD5, which is cracked in no time");
  }
  return wrong(std::string(kKnown));
}

ScramVerifier read_scram_verifier(std::string_view text) {
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) {
    const std::size_t end = std::min(text.find(','), text.size());
    part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const auto iterations = take_number(parts[0]);
  return {.iterations = static_cast<std::uint32_t>(iterations.value_or(0)),
          .salt = parts[1],
          .stored_key = parts[2],
          .server_key = parts[3]};
}

}  // namespace sallyport::config
