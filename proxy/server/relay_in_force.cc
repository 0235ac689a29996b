#include "proxy/server/relay_in_force.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <utility>

namespace sallyport::server {
namespace {

// A delivery ends at its deadline, and then takes the turns of the loop that its answer needs.
constexpr Duration kSlack = std::chrono::seconds(5);

/// For a message whose last octet came after everything was cut off.
relay::Delivery shutting_down() {
  relay::Delivery delivery;
  delivery.outcome = relay::Outcome::kDeferred;
  delivery.reply = smtp::Reply(451, {4, 3, 2}, "Shutting down; try again");
  return delivery;
}

}  // namespace

Result<void> RelayInForce::prepare(const std::shared_ptr<const relay::Settings>& settings) {
  prepared_.reset();
  if (relay_ && relay_->settings() == settings) return {};
  auto prepared = relay::Relay::prepare(surroundings_, settings, relay_.get());
  if (!prepared) return fail(prepared.error());
  prepared_.emplace(std::move(*prepared));
  return {};
}

void RelayInForce::commit(Duration upstream_timeout) {
  if (prepared_) {
    std::shared_ptr<relay::Relay> made =
        relay::Relay::make(surroundings_, std::move(*prepared_), relay_.get());
    prepared_.reset();
    // A shorter timeout is not for what is under way: to cut it off would cut off new deliveries,
    // too, where old and new relay share an upstream.
    retire(surroundings_.loop.after(longest_delivery_ + kSlack));
    relay_ = std::move(made);
  }
  longest_delivery_ = std::max(longest_delivery_, upstream_timeout);
}

runtime::Task<relay::Delivery> RelayInForce::deliver(const message::Message& message,
                                                     TimePoint deadline, relay::Caller caller) {
  const std::shared_ptr<relay::Relay> relay = relay_;  // a reload may replace it meanwhile
  if (!relay || cut_off_) co_return shutting_down();
  co_return co_await relay->deliver(message, deadline, caller);
}

std::uint32_t RelayInForce::max_recipients(const smtp::ReversePath& reverse_path,
                                           const relay::Caller& caller) const {
  return relay_ ? relay_->max_recipients(reverse_path, caller)
                : std::numeric_limits<std::uint32_t>::max();
}

std::shared_ptr<const std::vector<std::string>> RelayInForce::watched_fields() const {
  return relay_ ? relay_->watched_fields() : nullptr;
}

std::size_t RelayInForce::deliveries() const {
  std::size_t all = relay_ ? relay_->deliveries() : 0;
  for (const auto& relay : retired_) all += relay->deliveries();
  return all;
}

void RelayInForce::cut_off() {
  cut_off_ = true;
  if (relay_) relay_->cut_off();
  for (const auto& relay : retired_) relay->cut_off();
}

void RelayInForce::retire(TimePoint deadline) {
  prepared_.reset();
  if (!relay_) return;
  retired_.push_back(std::exchange(relay_, nullptr));
  retiring_.spawn(drain(std::prev(retired_.end()), deadline));
}

runtime::Task<void> RelayInForce::drain(Relays::iterator relay, TimePoint deadline) {
  co_await (*relay)->drain(deadline);
  retired_.erase(relay);
}

runtime::Task<void> RelayInForce::join() { (void)co_await retiring_.join(); }

}  // namespace sallyport::server
