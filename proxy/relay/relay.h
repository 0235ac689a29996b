// The client side of the proxy: chooses upstreams for a message and tries them in order until one
// has it, or none can.
#pragma once

#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/base/log.h"
#include "proxy/config/config.h"
#include "proxy/oauth/tokens.h"
#include "proxy/relay/connection_cap.h"
#include "proxy/relay/delivery.h"
#include "proxy/relay/dialer.h"
#include "proxy/relay/router.h"
#include "proxy/relay/settings.h"
#include "proxy/relay/upstream.h"
#include "proxy/runtime/in_flight.h"

namespace sallyport::relay {

/// What a Relay works with. Everything outlives every Relay.
struct Surroundings {
  runtime::Loop& loop;
  log::Logger& logger;
  metrics::Registry& metrics;
  ConnectionCaps& caps;  ///< One for the process.
  MakeDialer make_dialer = make_net_dialer;
  oauth::Tokens* tokens = nullptr;  ///< One for the process; null: upstreams with oauth fail.
};

/// Delivers by one value of Settings, for one worker.
class Relay final : public Deliverer {
 public:
  /// All that can fail in the making of a Relay, done. It holds nothing that has to be ended: one
  /// that is not needed is dropped.
  class Prepared {
   private:
    friend class Relay;
    std::shared_ptr<const Settings> settings_;
    std::vector<std::unique_ptr<Dialer>> dialers_;  // null where the upstream is kept or needs none
  };

  /// The error names the upstream and what is wrong with it. `previous` may be null.
  static Result<Prepared> prepare(const Surroundings& surroundings,
                                  std::shared_ptr<const Settings> settings, const Relay* previous);
  /// Makes what was prepared. `previous` is the one that was named then, and has not been drained:
  /// upstreams that it has with the same settings are shared with it, warm connections and health
  /// included.
  static std::unique_ptr<Relay> make(const Surroundings& surroundings, Prepared prepared,
                                     const Relay* previous);
  /// Both in one step, and reads the files that `config` names: for tests and tools.
  static Result<std::unique_ptr<Relay>> make(const Surroundings& surroundings,
                                             const std::shared_ptr<const config::Config>& config,
                                             const Relay* previous = nullptr);

  runtime::Task<Delivery> deliver(const message::Message& message, TimePoint deadline,
                                  Caller caller = {}) override;
  std::uint32_t max_recipients(const smtp::ReversePath& reverse_path,
                               const Caller& caller) const override;
  std::shared_ptr<const std::vector<std::string>> watched_fields() const override {
    return router_.watched_fields();
  }

  /// Deliveries under way.
  std::size_t deliveries() const { return deliveries_.count(); }
  /// Makes every delivery under way end soon, deferred or unknown, and go on to no other upstream;
  /// those of other Relays as well, where they share an upstream. Delivers no more.
  void cut_off();
  /// Delivers no more, waits for the deliveries under way, cuts off those that are not done at
  /// `deadline`, and ends the upstreams that no other Relay shares. Afterwards the Relay is only
  /// good for dying.
  runtime::Task<void> drain(TimePoint deadline);

  const std::shared_ptr<const Settings>& settings() const { return settings_; }

 private:
  Relay(runtime::Loop& loop, std::shared_ptr<const Settings> settings);
  runtime::Task<Delivery> try_route(const message::Message& message, TimePoint deadline,
                                    Caller caller);
  /// The upstream of these settings and roots, if this Relay has it.
  std::shared_ptr<Upstream> find(const Settings& settings, std::size_t index) const;
  runtime::Task<Attempt> try_upstream(Upstream& upstream, const message::Message& message,
                                      std::size_t others, TimePoint deadline, Caller caller);

  void note(const Caller& caller, std::string_view step, std::string_view words);
  std::string described(std::optional<std::size_t> route,
                        std::span<const config::Target> order) const;

  runtime::Loop& loop_;
  const std::shared_ptr<const Settings> settings_;
  const Router router_;
  std::minstd_rand random_;                           // for the weights of routes
  std::vector<std::shared_ptr<Upstream>> upstreams_;  // as settings_->upstreams
  runtime::InFlight deliveries_;
  bool draining_ = false;
  bool cut_off_ = false;
};

}  // namespace sallyport::relay
