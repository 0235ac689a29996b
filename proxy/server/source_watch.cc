#include "proxy/server/source_watch.h"

#include <chrono>
#include <functional>

namespace sallyport::server {
namespace {

constexpr Duration kBetweenLines = std::chrono::minutes(1);

metrics::SourceAnswer label_of(auth::Asked how) {
  switch (how) {
    case auth::Asked::kAccepted:
      return metrics::SourceAnswer::kAccepted;
    case auth::Asked::kRejected:
      return metrics::SourceAnswer::kRejected;
    case auth::Asked::kUnavailable:
      return metrics::SourceAnswer::kUnavailable;
    case auth::Asked::kCached:
      return metrics::SourceAnswer::kCached;
    case auth::Asked::kGrace:
      return metrics::SourceAnswer::kGrace;
  }
  return metrics::SourceAnswer::kUnavailable;
}

}  // namespace

void SourceWatch::heard(std::string_view source, auth::Asked how, std::string_view reason) {
  metrics::SourceMetrics& metrics = metrics_.for_auth_source(source);
  metrics.answers[label_of(how)].add();
  if (how == auth::Asked::kCached) return;
  const TimePoint now = std::chrono::steady_clock::now();
  const bool is_away = how == auth::Asked::kUnavailable || how == auth::Asked::kGrace;
  const std::lock_guard lock(mutex_);
  const auto known = away_.find(source);
  metrics.away.set(is_away ? 1 : 0);
  if (!is_away) {
    if (known == away_.end()) return;
    away_.erase(known);
    logger_.write(log::Level::kInfo, "auth_source_back", {{"source", source}});
    return;
  }
  const bool is_new = known == away_.end();
  Away& away = is_new ? away_[std::string(source)] : known->second;
  ++(how == auth::Asked::kGrace ? away.in_grace : away.deferred);
  if (!is_new && now - away.told < kBetweenLines) return;
  logger_.write(log::Level::kError, "auth_source_away",
                {{"source", source},
                 {"error", reason},
                 {"logins_deferred", away.deferred},
                 {"logins_in_grace", away.in_grace}});
  away = {.told = now};
}

}  // namespace sallyport::server
