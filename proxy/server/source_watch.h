// What becomes of questions to the sources of identities, for the operator: metrics and the log.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "auth/guarded_source.h"
#include "metrics/metrics.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"

namespace sallyport::server {

/// Thread-safe.
class SourceWatch {
 public:
  /// Both outlive it.
  SourceWatch(metrics::Registry& metrics, log::Logger& logger)
      : metrics_(metrics), logger_(logger) {}

  /// Counts one question. While a source is away the log says so, and why, once a minute; and once
  /// when it is back.
  void heard(std::string_view source, auth::Asked how, std::string_view reason);

 private:
  struct Away {
    TimePoint told;
    std::uint64_t in_grace = 0;  ///< Logins since then.
    std::uint64_t deferred = 0;
  };

  metrics::Registry& metrics_;
  log::Logger& logger_;
  std::mutex mutex_;
  std::map<std::string, Away, std::less<>> away_;
};

}  // namespace sallyport::server
