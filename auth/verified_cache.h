// Which credentials were found right a short while ago, so that a client that connects anew for
// each message does not pay for argon2 each time. Only successes; neither passwords nor hashes are
// kept.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/base/clock.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/base/secret.h"

namespace sallyport::auth {

/// HMAC-SHA-256 over user name, stored hash and password, under a random key of this process.
using CredentialsMac = crypto::Sha256Digest;

/// The first octets are as good a hash as any: an outsider cannot steer a MAC.
struct MacHash {
  std::size_t operator()(const CredentialsMac& mac) const {
    std::size_t first = 0;
    std::memcpy(&first, mac.data(), sizeof first);
    return first;
  }
};
/// Compares in constant time.
struct MacEqual {
  bool operator()(const CredentialsMac& a, const CredentialsMac& b) const {
    return crypto::equal_in_constant_time(crypto::as_view(a), crypto::as_view(b));
  }
};

/// A set of MACs, each with the time it stops counting. Thread-safe, sharded, bounded in size.
class VerifiedCache {
 public:
  /// `most`: entries; when full, the oldest goes. `lifetime` 0: nothing is ever kept.
  VerifiedCache(std::size_t most, Duration lifetime);
  ~VerifiedCache();
  VerifiedCache(const VerifiedCache&) = delete;
  VerifiedCache& operator=(const VerifiedCache&) = delete;

  /// The MAC of these credentials. The stored hash is part of it: when that changes, what was
  /// verified against the old one is no longer found. No two different triples run together.
  CredentialsMac mac(std::string_view name, std::string_view hash, const Secret& password) const;

  /// Was this MAC inserted less than a lifetime before `now`?
  bool contains(const CredentialsMac& mac, TimePoint now) const;
  /// Remembers it until a lifetime after `now`; being asked for does not prolong that.
  void insert(const CredentialsMac& mac, TimePoint now);
  /// From any thread; holds for what is already kept, too.
  void set_lifetime(Duration lifetime);

  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<CredentialsMac, TimePoint, MacHash, MacEqual> inserted;
    std::deque<CredentialsMac> by_age;  // oldest first; as many as `inserted`
  };
  Shard& shard(const CredentialsMac& mac);
  const Shard& shard(const CredentialsMac& mac) const;

  const std::size_t most_in_shard_;
  std::atomic<Duration> lifetime_;
  std::array<char, 32> key_;  // wiped at the end
  std::array<Shard, kShards> shards_;
};

}  // namespace sallyport::auth
