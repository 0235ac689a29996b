// The client side of the proxy: chooses upstreams for a message and tries them in order until one
// has it, or none can.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/base/log.h"
#include "proxy/config/config.h"
#include "proxy/relay/connection_cap.h"
#include "proxy/relay/delivery.h"
#include "proxy/relay/dialer.h"
#include "proxy/relay/router.h"
#include "proxy/relay/upstream.h"
#include "proxy/runtime/event.h"

namespace sallyport::relay {

/// What a Relay works with. Everything outlives every Relay.
struct Surroundings {
  runtime::Loop& loop;
  log::Logger& logger;
  metrics::Registry& metrics;
  ConnectionCaps& caps;  ///< One for the process.
  MakeDialer make_dialer = make_net_dialer;
};

/// Delivers by one config snapshot, for one worker.
class Relay final : public Deliverer {
 public:
  /// Makes the relay for `config`. Upstreams that `previous` has with the same settings are shared
  /// with it, warm connections and health included. Reads CA files: the error names the upstream
  /// and what is wrong.
  static Result<std::unique_ptr<Relay>> make(const Surroundings& surroundings,
                                             std::shared_ptr<const config::Config> config,
                                             const Relay* previous = nullptr);

  runtime::Task<Delivery> deliver(const message::Message& message, TimePoint deadline) override;
  std::uint32_t max_recipients(const smtp::ReversePath& reverse_path) const override;

  /// Delivers no more, waits for the deliveries under way, cuts off those that are not done at
  /// `deadline`, and ends the upstreams that no other Relay shares. Afterwards the Relay is only
  /// good for dying.
  runtime::Task<void> drain(TimePoint deadline);

 private:
  /// An upstream, and the roots it trusts.
  struct Member {
    std::shared_ptr<Upstream> upstream;
    std::string ca_pem;
  };

  Relay(runtime::Loop& loop, std::shared_ptr<const config::Config> config);
  runtime::Task<Delivery> try_route(const message::Message& message, TimePoint deadline);
  const Member* find(const config::Upstream& upstream, const std::string& ca_pem) const;
  runtime::Task<Attempt> try_upstream(Upstream& upstream, const message::Message& message,
                                      TimePoint deadline);

  runtime::Loop& loop_;
  const std::shared_ptr<const config::Config> config_;
  const Router router_;
  std::vector<Member> members_;  // as config_->upstreams
  std::size_t deliveries_ = 0;   // under way
  runtime::Event all_done_;      // set when none is, once draining
  bool draining_ = false;
};

}  // namespace sallyport::relay
