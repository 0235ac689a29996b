// Whom a source let in a short while ago.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "auth/source.h"
#include "auth/verified_cache.h"
#include "proxy/base/clock.h"

namespace sallyport::auth {

/// Grants by the MAC of what was shown, each with the time of its check. Neither passwords nor
/// tokens are kept. Thread-safe, bounded in size.
class GrantCache {
 public:
  /// `most`: entries; when full, the oldest goes. `lifetime`: of an entry.
  GrantCache(std::size_t most, Duration lifetime) : most_(most), lifetime_(lifetime) {}

  /// The grant of a check that is not older than `at_most`, and has not ended itself; null: none.
  Granted find(const CredentialsMac& mac, Duration at_most, TimePoint now) const;
  void insert(const CredentialsMac& mac, Granted grant, TimePoint now);
  /// What was shown is refused now.
  void erase(const CredentialsMac& mac);

 private:
  struct Entry {
    Granted grant;
    TimePoint checked;
  };

  const std::size_t most_;
  const Duration lifetime_;
  mutable std::mutex mutex_;
  std::unordered_map<CredentialsMac, Entry, MacHash, MacEqual> entries_;
  std::deque<std::pair<CredentialsMac, TimePoint>> by_age_;  // insertions, the oldest first
};

}  // namespace sallyport::auth
