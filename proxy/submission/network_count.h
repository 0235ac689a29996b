// How many connections each client's network has open.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "proxy/base/ip_address.h"

namespace sallyport::submission {

/// Open connections by the network they come from, as IpAddress::network has it, and how many of
/// them have not logged in: those have a lower limit. Connections from loopback are not counted:
/// the programs of this host are trusted. Thread-safe; shared by all workers,
/// outlives every Slot. A network is in the table for as long as it has a connection, so there are
/// never more of them than connections.
class NetworkCount {
 public:
  /// A connection that counts until this dies.
  class Slot {
   public:
    /// Counts nowhere.
    Slot() = default;
    Slot(Slot&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)),
          network_(other.network_),
          authenticated_(other.authenticated_) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(count_, other.count_);
      std::swap(network_, other.network_);
      std::swap(authenticated_, other.authenticated_);
      return *this;
    }
    ~Slot() {
      if (count_) count_->give_back(network_, authenticated_);
    }

    /// The client has logged in: the connection counts as one that has. At most once.
    void authenticate() {
      authenticated_ = true;
      if (count_) count_->authenticated(network_);
    }

   private:
    friend class NetworkCount;
    Slot(NetworkCount& count, std::uint64_t network) : count_(&count), network_(network) {}

    NetworkCount* count_ = nullptr;
    std::uint64_t network_ = 0;
    bool authenticated_ = false;
  };

  /// One more connection of the client's network, unless it has `most` already, or
  /// `most_unauthenticated` that have not logged in.
  std::optional<Slot> take(const IpAddress& client, std::uint32_t most,
                           std::uint32_t most_unauthenticated);
  /// Networks that have connections now.
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  /// Clients choose their addresses: with a hash that they do not know they cannot choose them to
  /// fall into one bucket.
  class Hash {
   public:
    Hash();
    std::size_t operator()(std::uint64_t network) const;

   private:
    std::uint64_t secret_;
  };
  struct Open {
    std::uint32_t all = 0;
    std::uint32_t unauthenticated = 0;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, Open, Hash> open;
  };

  Shard& shard_of(std::uint64_t network) { return shards_[hash_(network) % kShards]; }
  void authenticated(std::uint64_t network);
  void give_back(std::uint64_t network, bool authenticated);

  const Hash hash_;
  std::array<Shard, kShards> shards_;
};

}  // namespace sallyport::submission
