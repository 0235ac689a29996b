// The relay of the newest snapshot, and the older ones until their deliveries have ended.
#pragma once

#include <memory>

#include "proxy/relay/relay.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::server {

/// What a worker's sessions deliver by. A reload puts a new Relay in force: deliveries under way
/// end with the one they began with, warm connections of unchanged upstreams move on to the new
/// one.
class RelayInForce final : public relay::Deliverer {
 public:
  /// What `surroundings` names outlives this. Nothing can be delivered before the first `apply`.
  explicit RelayInForce(const relay::Surroundings& surroundings)
      : surroundings_(surroundings), retiring_(surroundings.loop) {}

  /// Puts this config in force; the error says what is wrong with an upstream, and the old one
  /// stays.
  Result<void> apply(std::shared_ptr<const config::Config> config);

  runtime::Task<relay::Delivery> deliver(const message::Message& message,
                                         TimePoint deadline) override;
  std::uint32_t max_recipients(const smtp::ReversePath& reverse_path) const override;

  /// Begins the end: no new delivery may come; those under way are cut off at `deadline`.
  void retire(TimePoint deadline);
  /// After `retire`: returns when every connection is closed.
  runtime::Task<void> join();

 private:
  static runtime::Task<void> drain(std::shared_ptr<relay::Relay> relay, TimePoint deadline);

  const relay::Surroundings surroundings_;
  std::shared_ptr<relay::Relay> relay_;
  Duration longest_delivery_ = {};  // of any session so far: they keep the config they began with
  runtime::TaskGroup retiring_;
};

}  // namespace sallyport::server
