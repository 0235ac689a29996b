#include "proxy/server/relay_in_force.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sallyport::server {
namespace {

/// For a message whose last octet came after everything was cut off.
relay::Delivery shutting_down() {
  relay::Delivery delivery;
  delivery.outcome = relay::Outcome::kDeferred;
  delivery.reply = smtp::Reply(451, {4, 3, 2}, "Shutting down; try again");
  return delivery;
}

}  // namespace

Result<void> RelayInForce::apply(std::shared_ptr<const config::Config> config) {
  const Duration upstream_timeout = config->session.upstream_timeout;
  auto made = relay::Relay::make(surroundings_, std::move(config), relay_.get());
  if (!made) return fail(made.error());
  // A shorter timeout is not for what is under way: to cut it off would cut off new deliveries,
  // too, where old and new relay share an upstream.
  if (relay_) retire(surroundings_.loop.after(longest_delivery_));
  longest_delivery_ = std::max(longest_delivery_, upstream_timeout);
  relay_ = std::move(*made);
  return {};
}

runtime::Task<relay::Delivery> RelayInForce::deliver(const message::Message& message,
                                                     TimePoint deadline) {
  const std::shared_ptr<relay::Relay> relay = relay_;  // a reload may replace it meanwhile
  if (!relay) co_return shutting_down();
  co_return co_await relay->deliver(message, deadline);
}

std::uint32_t RelayInForce::max_recipients(const smtp::ReversePath& reverse_path) const {
  return relay_ ? relay_->max_recipients(reverse_path) : std::numeric_limits<std::uint32_t>::max();
}

void RelayInForce::retire(TimePoint deadline) {
  if (relay_) retiring_.spawn(drain(std::exchange(relay_, nullptr), deadline));
}

runtime::Task<void> RelayInForce::drain(std::shared_ptr<relay::Relay> relay, TimePoint deadline) {
  co_await relay->drain(deadline);
}

runtime::Task<void> RelayInForce::join() { (void)co_await retiring_.join(); }

}  // namespace sallyport::server
