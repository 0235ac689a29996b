#include "auth/known_networks.h"

#include <iterator>

namespace sallyport::auth {

void KnownNetworks::remember(const NetworkPath& path, TimePoint now) {
  const std::lock_guard lock(mutex_);
  remember(narrowest_, path[kNarrowest], now);
  remember(widest_, path[kWidest], now);
}

void KnownNetworks::remember(Level& level, std::uint64_t network, TimePoint now) const {
  if (const auto known = level.by_network.find(network); known != level.by_network.end()) {
    known->second->second = now;
    level.logins.splice(level.logins.end(), level.logins, known->second);
  } else {
    level.logins.emplace_back(network, now);
    level.by_network.emplace(network, std::prev(level.logins.end()));
  }
  if (level.logins.size() > options_.most) {
    level.by_network.erase(level.logins.front().first);
    level.logins.pop_front();
  }
}

bool KnownNetworks::knows(const Level& level, std::uint64_t network, TimePoint now) const {
  const auto known = level.by_network.find(network);
  return known != level.by_network.end() && now - known->second->second < options_.lifetime;
}

Standing KnownNetworks::standing(const NetworkPath& path, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  if (knows(narrowest_, path[kNarrowest], now)) return Standing::kKnown;
  return knows(widest_, path[kWidest], now) ? Standing::kNearby : Standing::kStranger;
}

}  // namespace sallyport::auth
