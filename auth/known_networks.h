// From where users logged in lately. When more logins wait than can be checked, these networks are
// served before strangers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "auth/fair_queue.h"
#include "auth/network_path.h"
#include "proxy/base/clock.h"

namespace sallyport::auth {

/// Networks from which a login succeeded, each for a while. Kept in memory only: after a restart
/// every network is a stranger. Thread-safe, bounded in size.
class KnownNetworks {
 public:
  struct Options {
    std::size_t most = 65536;                  ///< At each level; when full, the oldest goes.
    Duration lifetime = std::chrono::days(7);  ///< Since the last login.
  };

  explicit KnownNetworks(Options options) : options_(options) {}

  /// A login from there has succeeded.
  void remember(const NetworkPath& path, TimePoint now);
  /// What is known of the client at `path`.
  Standing standing(const NetworkPath& path, TimePoint now) const;

 private:
  /// Networks of one level, and when the last login from there succeeded.
  struct Level {
    using Logins = std::list<std::pair<std::uint64_t, TimePoint>>;
    Logins logins;  // oldest first
    std::unordered_map<std::uint64_t, Logins::iterator> by_network;
  };

  void remember(Level& level, std::uint64_t network, TimePoint now) const;
  bool knows(const Level& level, std::uint64_t network, TimePoint now) const;

  const Options options_;
  mutable std::mutex mutex_;
  Level narrowest_;
  Level widest_;
};

}  // namespace sallyport::auth
