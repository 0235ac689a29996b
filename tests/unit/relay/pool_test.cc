// Connections kept, shared, given up and ended.
#include "proxy/relay/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/runtime/event.h"
#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using metrics::CloseReason;
using metrics::PoolState;
using scripts::Fault;
using testing::HasSubstr;
using testing::StartsWith;

const scripts::Upstream kGood;

/// `count` transactions, the final reply of each after `wait`.
std::string slow_transactions(int count, const std::string& wait) {
  std::string script = kGood.opening();
  for (int i = 0; i < count; ++i) {
    script +=
        "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 250 ok\nU: 250 ok\nU: 354 go\n"
        "P! content\nU! wait " +
        wait + "\nU: 250 ok\n";
  }
  return script;
}

std::vector<message::Message> messages(World& world, std::size_t count) {
  std::vector<message::Message> all;
  all.reserve(count);
  for (std::size_t i = 0; i < count; ++i) all.push_back(world.message());
  return all;
}

config::Upstream with_cap(std::uint32_t most) {
  config::Upstream made = upstream("a");
  made.max_connections = most;
  return made;
}

std::uint64_t closed(World& world, CloseReason reason) {
  return world.metrics.for_upstream("a").connections_closed[reason].value();
}

TEST(Pool, AtTheCapDeliveriesWaitTheirTurn) {
  World world({with_cap(2)});
  world.host("a").scripts = {slow_transactions(3, "1s"), slow_transactions(2, "1100ms")};
  const TimePoint begun = world.loop.now();
  for (const Delivery& delivery : world.deliver_all(messages(world, 5))) {
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  }
  EXPECT_EQ(world.loop.now() - begun, 3s);
  EXPECT_EQ(world.metrics.for_upstream("a").waiting.value(), 0);
  EXPECT_EQ(world.metrics.for_upstream("a").pool[PoolState::kIdle].value(), 2);
}

TEST(Pool, WhoWaitsTooLongIsToldSo) {
  World world({with_cap(1)});
  world.host("a").scripts = {kGood.opening() + kGood.transaction(Stage::kEnd, Fault::kStall)};
  const auto deliveries = world.deliver_all(messages(world, 2), 5s);
  EXPECT_EQ(deliveries[0].outcome, Outcome::kUnknown);
  EXPECT_EQ(deliveries[1].outcome, Outcome::kDeferred);
  EXPECT_THAT(deliveries[1].reply.wire(), StartsWith("451 4.4.5 "));
  EXPECT_THAT(deliveries[1].reply.text(), HasSubstr("all 1 connections are in use"));
}

TEST(Pool, AFailedConnectionGivesItsSlotToWhoWaits) {
  World world({with_cap(1)});
  world.host("a").scripts = {kGood.opening() + kGood.transaction(Stage::kEnd, Fault::kClose),
                             kGood.opening() + kGood.transaction() + kGood.transaction()};
  const auto deliveries = world.deliver_all(messages(world, 3));
  EXPECT_EQ(deliveries[0].outcome, Outcome::kUnknown);
  EXPECT_EQ(deliveries[1].outcome, Outcome::kDelivered);
  EXPECT_EQ(deliveries[2].outcome, Outcome::kDelivered);
}

TEST(Pool, AConnectionThatCantBeMadeGivesItsSlotBack) {
  World world({with_cap(1)});
  world.host("a").scripts = {"D! refuse", "D! refuse", kGood.opening() + kGood.transaction()};
  const auto deliveries = world.deliver_all(messages(world, 3));
  EXPECT_EQ(deliveries[0].outcome, Outcome::kDeferred);
  EXPECT_EQ(deliveries[1].outcome, Outcome::kDeferred);
  EXPECT_EQ(deliveries[2].outcome, Outcome::kDelivered);
}

TEST(Pool, TheConnectionUsedLastIsUsedNextSoThatOthersGoIdle) {
  config::Upstream a = upstream("a");
  a.idle_timeout = 10s;
  World world({a});
  // Both deliver one; then the one that was used last takes all the rest.
  world.host("a").scripts = {kGood.opening() + kGood.transaction(),
                             kGood.opening() + kGood.transaction() + kGood.transaction() +
                                 kGood.transaction() + kGood.transaction()};
  (void)world.deliver_all(messages(world, 2));
  for (int i = 0; i < 3; ++i) {
    world.pass(4s);
    EXPECT_TRUE(world.deliver(world.message()).reused_connection);
  }
  EXPECT_EQ(closed(world, CloseReason::kIdle), 1u);
  EXPECT_EQ(world.metrics.for_upstream("a").pool[PoolState::kIdle].value(), 1);
}

TEST(Pool, IdleConnectionsSayGoodbye) {
  config::Upstream a = upstream("a");
  a.idle_timeout = 8s;
  World world({a});
  world.host("a").scripts = {
      kGood.opening() + kGood.transaction() + "P: QUIT\nU: 221 Bye\nU! close\n",
      kGood.opening() + kGood.transaction()};
  (void)world.deliver(world.message());
  world.pass(9s);
  EXPECT_EQ(closed(world, CloseReason::kIdle), 1u);
  EXPECT_FALSE(world.deliver(world.message()).reused_connection);
}

TEST(Pool, ConnectionsEndAfterTheirMessagesAndAtTheirAge) {
  {
    config::Upstream a = upstream("a");
    a.max_messages_per_connection = 2;
    World world({a});
    world.host("a").scripts = {
        kGood.opening() + kGood.transaction() + kGood.transaction() + "P: QUIT\nU: 221 Bye\n",
        kGood.opening() + kGood.transaction()};
    for (int i = 0; i < 3; ++i) (void)world.deliver(world.message());
    EXPECT_EQ(closed(world, CloseReason::kMessages), 1u);
  }
  {
    config::Upstream a = upstream("a");
    a.max_connection_age = 60s;
    a.idle_timeout = 10min;
    World world({a});
    world.host("a").scripts = {
        kGood.opening() + kGood.transaction() + kGood.transaction() + "P: QUIT\nU: 221 Bye\n",
        kGood.opening() + kGood.transaction()};
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
      world.pass(31s);
    }
    EXPECT_EQ(closed(world, CloseReason::kAge), 1u);
  }
}

TEST(Pool, AConnectionThatEndedWhileIdleIsNotUsed) {
  for (const char* const end : {"U! wait 1s\nU! close\n", "U! wait 1s\nU! reset\n",
                                "U! wait 1s\nU: 421 4.4.2 Idle for too long\nU! close\n"}) {
    SCOPED_TRACE(end);
    World world({upstream("a")});
    world.host("a").scripts = {kGood.opening() + kGood.transaction() + end,
                               kGood.opening() + kGood.transaction()};
    (void)world.deliver(world.message());
    world.pass(5s);
    const Delivery delivery = world.deliver(world.message());
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    EXPECT_FALSE(delivery.reused_connection);
    EXPECT_EQ(closed(world, CloseReason::kPeer), 1u);
  }
}

TEST(Pool, AnUpstreamThatIgnoresQuitIsLeft) {
  World world({upstream("a")});
  world.host("a").scripts = {kGood.opening() + kGood.transaction() + "P: QUIT\nU! stall\n"};
  (void)world.deliver(world.message());
  const TimePoint begun = world.loop.now();
  world.finish();
  EXPECT_LE(world.loop.now() - begun, 5s);
}

TEST(Pool, AReloadKeepsWarmConnectionsOfUnchangedUpstreams) {
  World world({upstream("a"), upstream("b")});
  world.host("a").scripts = {kGood.opening() + kGood.transaction() + kGood.transaction()};
  (void)world.deliver(world.message());
  world.config().upstreams.pop_back();
  world.config().routes[0].upstreams = config::in_order({0});
  world.reload();
  EXPECT_TRUE(world.deliver(world.message()).reused_connection);
}

TEST(Pool, AReloadEndsConnectionsOfChangedUpstreams) {
  World world({upstream("a")});
  world.host("a").scripts = {kGood.opening() + kGood.transaction() + "P: QUIT\nU: 221 Bye\n",
                             "U: 220 up.example\n" + kGood.ehlo() +
                                 "P: AUTH PLAIN AHVzZXIAbmV3\nU: 235 ok\n" + kGood.transaction()};
  (void)world.deliver(world.message());
  world.config().upstreams[0].password = Secret("new");
  world.reload();
  const Delivery delivery = world.deliver(world.message());
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  EXPECT_FALSE(delivery.reused_connection);
}

TEST(Pool, DrainCutsOffWhatDoesNotEndInTime) {
  const struct {
    Stage stage;
    Outcome outcome;
    const char* reply;
  } cases[] = {{Stage::kConnect, Outcome::kDeferred, "451 4.3.2 "},
               {Stage::kTls, Outcome::kDeferred, "451 4.3.2 "},
               {Stage::kEhlo, Outcome::kDeferred, "451 4.3.2 "},
               {Stage::kMail, Outcome::kDeferred, "451 4.3.2 "},
               {Stage::kEnd, Outcome::kUnknown, "451 4.4.2 "}};
  for (const auto& c : cases) {
    SCOPED_TRACE(name(c.stage));
    World world({with_cap(1), upstream("b")});
    world.host("a").scripts = {c.stage == Stage::kConnect ? "D! timeout"
                               : c.stage == Stage::kTls   ? "D! tls timeout"
                               : c.stage == Stage::kEhlo
                                   ? kGood.opening(c.stage, Fault::kStall)
                                   : kGood.opening() + kGood.transaction(c.stage, Fault::kStall)};
    const auto both = [](World& w, std::vector<message::Message> all,
                         std::vector<Delivery>& deliveries) -> runtime::Task<void> {
      const auto one = [](Relay& relay, const message::Message& message, TimePoint deadline,
                          Delivery& delivery) -> runtime::Task<void> {
        delivery = co_await relay.deliver(message, deadline);
      };
      runtime::TaskGroup group(w.loop);
      for (std::size_t i = 0; i < all.size(); ++i) {
        group.spawn(one(w.relay(), all[i], w.loop.after(60min), deliveries[i]));
      }
      runtime::Event later(w.loop);
      (void)co_await later.wait(w.loop.after(1s));
      const TimePoint begun = w.loop.now();
      // Before the first gives up by itself, as it does when another upstream is left.
      co_await w.relay().drain(w.loop.after(5s));
      EXPECT_LE(w.loop.now() - begun, 6s);
      (void)co_await group.join();
    };
    std::vector<Delivery> deliveries(2);
    (void)world.relay();
    world.loop.run(both(world, messages(world, 2), deliveries));
    EXPECT_EQ(deliveries[0].outcome, c.outcome);
    EXPECT_THAT(deliveries[0].reply.wire(), StartsWith(c.reply));
    const auto& failures = world.metrics.for_upstream("a").connect_failures;
    for (std::size_t i = 0; i < failures.size(); ++i) EXPECT_EQ(failures.at(i).value(), 0u);
    // The second waited for the connection.
    EXPECT_EQ(deliveries[1].outcome, Outcome::kDeferred);
    EXPECT_THAT(deliveries[1].reply.wire(), StartsWith("451 4.3.2 "));
  }
}

}  // namespace
}  // namespace sallyport::relay
