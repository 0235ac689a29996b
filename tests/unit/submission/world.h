// What sessions are handed, for tests that are not transcripts: one user without limits, and a
// deliverer that takes everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "auth/authenticator.h"
#include "auth/password_hash.h"
#include "proxy/submission/context.h"

namespace sallyport::submission {

/// Says 250 to everything and counts.
class Taker final : public relay::Deliverer {
 public:
  runtime::Task<relay::Delivery> deliver(const message::Message& message, TimePoint,
                                         relay::Caller) override {
    ++delivered;
    envelope = message.envelope;
    has_8bit_header = message.has_8bit_header;
    is_binary = message.is_binary;
    relay::Delivery delivery;
    delivery.outcome = relay::Outcome::kDelivered;
    delivery.reply = {250, {2, 0, 0}, "Ok: " + message.id};
    co_return delivery;
  }
  std::uint32_t max_recipients(const smtp::ReversePath&, const relay::Caller&) const override {
    return 100;
  }

  int delivered = 0;
  // Of the last one:
  message::Envelope envelope;
  bool has_8bit_header = false;
  bool is_binary = false;
};

/// Everything that outlives the sessions.
struct World {
  explicit World(runtime::Loop& loop, auth::Authenticator::Options options = {})
      : metrics({.version = "test"}),
        limits(loop.now()),
        authenticator(std::move(options), users()),
        logger({.least = log::Level::kError}),
        context{.loop = loop,
                .authenticator = authenticator,
                .limits = limits,
                .budget = budget,
                .deliverer = deliverer,
                .metrics = metrics,
                .logger = logger,
                .networks = networks,
                .ids = ids,
                .wall_time = std::chrono::system_clock::now} {}

  /// A config with one user, "app" with the password "secret".
  static std::shared_ptr<config::Config> make_config() {
    auto config = std::make_shared<config::Config>();
    config->hostname = "mail.example.com";
    return config;
  }

  static std::shared_ptr<const auth::UserTable> users() {
    config::User user;
    user.name = "app";
    user.password_hash =
        auth::hash_password(Secret("secret"), {.memory_kib = 8, .passes = 1, .lanes = 1}).value();
    return auth::UserTable::build({user}).value();
  }

  metrics::Registry metrics;
  policy::LimitTable limits;
  auth::Authenticator authenticator;
  message::Budget budget{1u << 20};
  Taker deliverer;
  log::Logger logger;
  NetworkCount networks;
  message::TransactionIds ids;
  Context context;
};

/// AUTH as "app".
inline constexpr std::string_view kLogin = "AUTH PLAIN AGFwcABzZWNyZXQ=\r\n";

}  // namespace sallyport::submission
