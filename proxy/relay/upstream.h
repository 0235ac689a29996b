// One upstream as the relay sees it: it takes a message or says why not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "metrics/metrics.h"
#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/health.h"

namespace sallyport::relay {

/// Belongs to one worker. Kept over a reload that does not change it. It must be drained before it
/// dies.
class Upstream {
 public:
  Upstream(config::Upstream upstream_config, metrics::UpstreamMetrics& upstream_metrics,
           std::uint32_t seed)
      : config(std::move(upstream_config)), metrics(upstream_metrics), health(seed) {}
  virtual ~Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  /// Tries to hand `message` over by `deadline`. At most once is the final dot sent.
  virtual runtime::Task<Attempt> attempt(const message::Message& message,
                                         config::PartialRejection partial_rejection,
                                         TimePoint deadline) = 0;
  /// Makes every attempt under way end soon, as a failure or as unknown.
  virtual void cut_off() = 0;
  /// A reload replaced it: what is open and not in use is closed now, the rest after its attempt.
  /// Attempts may still be under way and begin.
  virtual void retire() {}
  /// Ends what is open. No attempt may be under way or begun any more.
  virtual runtime::Task<void> drain() = 0;

  /// Recipients that it takes in one mail transaction, as far as is known.
  virtual std::uint32_t max_recipients() const { return config.max_recipients; }

  const config::Upstream config;
  metrics::UpstreamMetrics& metrics;
  Health health;
};

}  // namespace sallyport::relay
