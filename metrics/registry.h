// Inside of the metrics room: the state behind Registry, and what an exposition reads of it.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/metrics.h"

namespace sallyport::metrics {

/// The handles of one kind by label value. They are never removed, so pointers stay good; past
/// `most` values all newcomers share "other", which bounds memory and the size of a scrape.
template <class Metrics>
class Handles {
 public:
  using Row = std::pair<std::string_view, const Metrics*>;

  explicit Handles(std::size_t most) : most_(most) {}

  void set_most(std::size_t most) {
    const std::lock_guard lock(mutex_);
    most_ = most;
  }

  Metrics& get(std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
    if (by_name_.size() >= most_) return by_name_[kOverflow];
    return by_name_[std::string(name)];
  }

  /// Sorted by name. Only this copy is made under the lock: a scrape doesn't hold up AUTH.
  std::vector<Row> rows() const {
    const std::lock_guard lock(mutex_);
    std::vector<Row> rows;
    rows.reserve(by_name_.size());
    for (const auto& [name, metrics] : by_name_) rows.emplace_back(name, &metrics);
    return rows;
  }

 private:
  static constexpr auto kOverflow = "other";

  mutable std::mutex mutex_;
  std::size_t most_;
  std::map<std::string, Metrics, std::less<>> by_name_;
};

struct Registry::State {
  explicit State(Options given) : options(std::move(given)), users(options.most_users) {}

  // Listeners and upstreams come from the config; reloads could still bring ever new names.
  static constexpr std::size_t kMostConfigured = 200;

  const Options options;
  ProcessMetrics process;
  Handles<ListenerMetrics> listeners{kMostConfigured};
  Handles<UserMetrics> users;
  Handles<UpstreamMetrics> upstreams{kMostConfigured};
  Handles<LimitMetrics> limits{kMostConfigured};
  Handles<AuthMetrics> mechanisms{kMostConfigured};
  Handles<SourceMetrics> auth_sources{kMostConfigured};
  std::atomic<std::size_t> last_size{0};  // of an exposition: the next one will be as long
};

}  // namespace sallyport::metrics
