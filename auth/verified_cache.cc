#include "auth/verified_cache.h"

#include <algorithm>

namespace sallyport::auth {
namespace {

/// Appends a length in eight octets, then the bytes: no two lists of texts give the same octets.
void append(std::string& message, std::string_view text) {
  const std::uint64_t size = text.size();
  message.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}

}  // namespace

VerifiedCache::VerifiedCache(std::size_t most, Duration lifetime)
    : most_in_shard_(std::max<std::size_t>(most / kShards, 1)), lifetime_(lifetime) {
  crypto::random_bytes({reinterpret_cast<std::uint8_t*>(key_.data()), key_.size()});
}

VerifiedCache::~VerifiedCache() { wipe_memory(key_.data(), key_.size()); }

CredentialsMac VerifiedCache::mac(std::string_view name, std::string_view hash,
                                  const Secret& password) const {
  std::string message;
  // Reserved whole: growing would leave copies of the password behind.
  message.reserve(3 * sizeof(std::uint64_t) + name.size() + hash.size() + password.reveal().size());
  append(message, name);
  append(message, hash);
  append(message, password.reveal());
  const CredentialsMac mac = crypto::hmac_sha256({key_.data(), key_.size()}, message);
  wipe(message);
  return mac;
}

bool VerifiedCache::contains(const CredentialsMac& mac, TimePoint now) const {
  const Duration lifetime = lifetime_.load(std::memory_order_relaxed);
  if (lifetime <= Duration::zero()) return false;
  const Shard& place = shard(mac);
  const std::lock_guard lock(place.mutex);
  const auto found = place.inserted.find(mac);
  return found != place.inserted.end() && now - found->second < lifetime;
}

void VerifiedCache::insert(const CredentialsMac& mac, TimePoint now) {
  const Duration lifetime = lifetime_.load(std::memory_order_relaxed);
  if (lifetime <= Duration::zero()) return;
  Shard& place = shard(mac);
  const std::lock_guard lock(place.mutex);
  const auto drop_oldest = [&place] {
    place.inserted.erase(place.by_age.front());
    place.by_age.pop_front();
  };
  while (!place.by_age.empty() && now - place.inserted[place.by_age.front()] >= lifetime) {
    drop_oldest();
  }
  if (place.inserted.contains(mac)) return;  // another session was first
  if (place.by_age.size() >= most_in_shard_) drop_oldest();
  place.inserted.emplace(mac, now);
  place.by_age.push_back(mac);
}

void VerifiedCache::set_lifetime(Duration lifetime) {
  lifetime_.store(lifetime, std::memory_order_relaxed);
  if (lifetime > Duration::zero()) return;
  for (Shard& place : shards_) {
    const std::lock_guard lock(place.mutex);
    place.inserted.clear();
    place.by_age.clear();
  }
}

std::size_t VerifiedCache::size() const {
  std::size_t total = 0;
  for (const Shard& place : shards_) {
    const std::lock_guard lock(place.mutex);
    total += place.inserted.size();
  }
  return total;
}

const VerifiedCache::Shard& VerifiedCache::shard(const CredentialsMac& mac) const {
  return shards_[mac.back() % kShards];  // MacHash takes the other end
}

VerifiedCache::Shard& VerifiedCache::shard(const CredentialsMac& mac) {
  return shards_[mac.back() % kShards];
}

}  // namespace sallyport::auth
