// One upstream as the relay sees it: it takes a message or says why not.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "metrics/metrics.h"
#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/connection_cap.h"
#include "proxy/relay/deadlines.h"
#include "proxy/relay/delivery.h"
#include "proxy/relay/health.h"
#include "proxy/relay/pace_queue.h"

namespace sallyport::relay {

/// Belongs to one worker. Kept over a reload that does not change it. It must be drained before it
/// dies.
class Upstream {
 public:
  /// `state` is what all workers share of this upstream: the last settings count, and what was
  /// known with others is forgotten.
  Upstream(runtime::Loop& loop, config::Upstream upstream_config,
           metrics::UpstreamMetrics& upstream_metrics, std::shared_ptr<ConnectionCap> state)
      : config(std::move(upstream_config)),
        metrics(upstream_metrics),
        shared(std::move(state)),
        turns(loop, shared->pace, upstream_metrics.waiting) {
    shared->findings.forget();
    shared->health.forget();
  }
  virtual ~Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  /// Has each tenant an upstream of its own, which `of` gives?
  virtual bool is_per_tenant() const { return false; }
  /// The upstream that serves this caller, or why there is none. Only where `is_per_tenant`.
  virtual runtime::Task<std::expected<std::shared_ptr<Upstream>, Attempt>> of(Caller /*caller*/) {
    co_return nullptr;
  }

  /// Tries to hand `message` over within `deadlines`. At most once is the final dot sent.
  virtual runtime::Task<Attempt> attempt(const message::Message& message,
                                         config::PartialRejection partial_rejection,
                                         const Deadlines& deadlines, Caller caller) = 0;
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
  const std::shared_ptr<ConnectionCap> shared;  ///< Cap, health, pace: of the process.
  PaceQueue turns;                              ///< Who waits for a turn, in this worker.
};

}  // namespace sallyport::relay
