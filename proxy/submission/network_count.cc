#include "proxy/submission/network_count.h"

#include <random>

namespace sallyport::submission {
namespace {

std::uint64_t random_secret() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

NetworkCount::Hash::Hash() : secret_(random_secret()) {}

std::size_t NetworkCount::Hash::operator()(std::uint64_t network) const {
  // The finaliser of splitmix64.
  std::uint64_t x = network ^ secret_;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

std::optional<NetworkCount::Slot> NetworkCount::take(const IpAddress& client, std::uint32_t most,
                                                     std::uint32_t most_unauthenticated) {
  if (client.is_loopback()) return Slot();
  const std::uint64_t network = client.network();
  Shard& shard = shard_of(network);
  const std::lock_guard lock(shard.mutex);
  const auto [entry, is_new] = shard.open.try_emplace(network);
  Open& open = entry->second;
  // At least one is always taken: an entry of none would stay.
  if (!is_new && (open.all >= most || open.unauthenticated >= most_unauthenticated)) {
    return std::nullopt;
  }
  ++open.all;
  ++open.unauthenticated;
  return Slot(*this, network);
}

void NetworkCount::authenticated(std::uint64_t network) {
  Shard& shard = shard_of(network);
  const std::lock_guard lock(shard.mutex);
  --shard.open.find(network)->second.unauthenticated;
}

void NetworkCount::give_back(std::uint64_t network, bool authenticated) {
  Shard& shard = shard_of(network);
  const std::lock_guard lock(shard.mutex);
  const auto entry = shard.open.find(network);
  if (!authenticated) --entry->second.unauthenticated;
  if (--entry->second.all == 0) shard.open.erase(entry);
}

std::size_t NetworkCount::size() const {
  std::size_t size = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    size += shard.open.size();
  }
  return size;
}

}  // namespace sallyport::submission
