#include "auth/grant_cache.h"

#include <utility>

namespace sallyport::auth {

Granted GrantCache::find(const CredentialsMac& mac, Duration at_most, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(mac);
  if (found == entries_.end()) return nullptr;
  const auto& [grant, checked] = found->second;
  return now - checked < at_most && now < grant->valid_until ? grant : nullptr;
}

void GrantCache::insert(const CredentialsMac& mac, Granted grant, TimePoint now) {
  if (lifetime_ <= Duration::zero()) return;
  const std::lock_guard lock(mutex_);
  while (!by_age_.empty() &&
         (now - by_age_.front().second >= lifetime_ || by_age_.size() >= most_)) {
    const auto [oldest, inserted] = by_age_.front();
    by_age_.pop_front();
    const auto found = entries_.find(oldest);
    // It may have been inserted again since.
    if (found != entries_.end() && found->second.checked == inserted) entries_.erase(found);
  }
  entries_[mac] = {std::move(grant), now};
  by_age_.emplace_back(mac, now);
}

void GrantCache::erase(const CredentialsMac& mac) {
  const std::lock_guard lock(mutex_);
  entries_.erase(mac);
}

}  // namespace sallyport::auth
