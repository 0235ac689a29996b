// The relay of the newest snapshot, and the older ones until their deliveries have ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/relay/relay.h"
#include "proxy/relay/settings.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::server {

/// What a worker's sessions deliver by. A reload puts a new Relay in force: deliveries under way
/// end with the one they began with, warm connections of unchanged upstreams move on to the new
/// one. A reload that changes nothing of relaying keeps the Relay.
class RelayInForce final : public relay::Deliverer {
 public:
  /// What `surroundings` names outlives this. Nothing can be delivered before the first `commit`.
  explicit RelayInForce(const relay::Surroundings& surroundings)
      : surroundings_(surroundings), retiring_(surroundings.loop) {}

  /// Does all that can fail before these settings come into force, and keeps it for `commit`. The
  /// error says what is wrong with an upstream. What was prepared before is dropped.
  Result<void> prepare(const std::shared_ptr<const relay::Settings>& settings);
  /// Puts what was prepared last in force. `upstream_timeout`: the longest that a delivery of the
  /// sessions that begin from now on may take.
  void commit(Duration upstream_timeout);
  /// Drops what was prepared: nothing has changed.
  void abandon() { prepared_.reset(); }

  runtime::Task<relay::Delivery> deliver(const message::Message& message, TimePoint deadline,
                                         relay::Caller caller) override;
  std::uint32_t max_recipients(const smtp::ReversePath& reverse_path,
                               const relay::Caller& caller) const override;
  std::shared_ptr<const std::vector<std::string>> watched_fields() const override;

  /// Deliveries under way, those of older relays included.
  std::size_t deliveries() const;
  /// Makes every delivery under way end soon, also those of relays that a reload replaced. None
  /// begins after it. May be repeated.
  void cut_off();
  /// Begins the end: no new delivery may come; those under way are cut off at `deadline`.
  void retire(TimePoint deadline);
  /// After `retire`: returns when every connection is closed.
  runtime::Task<void> join();

 private:
  using Relays = std::list<std::shared_ptr<relay::Relay>>;

  runtime::Task<void> drain(Relays::iterator relay, TimePoint deadline);

  const relay::Surroundings surroundings_;
  std::optional<relay::Relay::Prepared> prepared_;  // empty also when the relay in force stays
  std::shared_ptr<relay::Relay> relay_;
  Relays retired_;                  // being drained
  Duration longest_delivery_ = {};  // of any session so far: they keep the config they began with
  bool cut_off_ = false;
  runtime::TaskGroup retiring_;
};

}  // namespace sallyport::server
