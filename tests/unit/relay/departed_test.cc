// Clients that go before their message was handed over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/relay/pool.h"
#include "proxy/runtime/event.h"
#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using testing::ElementsAre;
using testing::IsEmpty;

const scripts::Upstream kGood;

std::string transaction(const char* before_replies, const char* before_verdict) {
  return std::string("P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\n") + before_replies +
         "U: 250 ok\nU: 250 ok\nU: 354 go\nP! content\n" + before_verdict + "U: 250 ok\n";
}

/// Delivers `message`; its client goes after `patience`.
Delivery deliver(World& world, const message::Message& message, Duration patience) {
  const auto main = [](World& w, const message::Message& m, Duration span,
                       Delivery& delivery) -> Task<void> {
    runtime::Cancellation gone;
    const auto one = [](World& each, const message::Message& what, runtime::Cancellation& stop,
                        Delivery& result) -> Task<void> {
      result = co_await each.relay().deliver(what, each.loop.after(1h), {.gone = &stop});
    };
    runtime::TaskGroup group(w.loop);
    group.spawn(one(w, m, gone, delivery));
    runtime::Event later(w.loop);
    (void)co_await later.wait(w.loop.after(span));
    gone.request();
    (void)co_await group.join();
  };
  (void)world.relay();
  Delivery delivery;
  world.loop.run(main(world, message, patience, delivery));
  return delivery;
}

config::Upstream with_one_connection() {
  config::Upstream made = upstream("a");
  made.max_connections = 1;
  made.spill_after = 1h;
  return made;
}

TEST(Departed, WhileItsMessageWaitsForAConnection) {
  World world({with_one_connection(), upstream("b")});
  world.host("a").scripts = {kGood.opening() + transaction("", "U! wait 10s\n") +
                             kGood.transaction()};
  const auto main = [](World& w, const message::Message& first, const message::Message& second,
                       const message::Message& third) -> Task<void> {
    const auto one = [](World& each, const message::Message& message, runtime::Cancellation* gone,
                        Delivery& delivery) -> Task<void> {
      delivery = co_await each.relay().deliver(message, each.loop.after(1h), {.gone = gone});
    };
    runtime::Cancellation gone;
    Delivery deliveries[3];
    runtime::TaskGroup group(w.loop);
    const TimePoint begun = w.loop.now();
    group.spawn(one(w, first, nullptr, deliveries[0]));
    group.spawn(one(w, third, nullptr, deliveries[2]));
    runtime::Event later(w.loop);
    (void)co_await later.wait(w.loop.after(1s));
    gone.request();
    co_await one(w, second, &gone, deliveries[1]);
    EXPECT_LE(w.loop.now() - begun, 2s);
    EXPECT_EQ(deliveries[1].outcome, Outcome::kAbandoned);
    EXPECT_EQ(deliveries[1].reply.wire(), "421 4.4.2 id2 not sent: the client has gone\r\n");
    (void)co_await group.join();
    EXPECT_EQ(deliveries[0].outcome, Outcome::kDelivered);
    EXPECT_EQ(deliveries[2].outcome, Outcome::kDelivered);
  };
  const auto first = world.message();
  const auto second = world.message();
  const auto third = world.message();
  (void)world.relay();
  world.loop.run(main(world, first, second, third));
  EXPECT_THAT(world.host("b").contents, IsEmpty());
  EXPECT_EQ(world.metrics.for_upstream("a").waiting.value(), 0);
}

TEST(Departed, WhileAConnectionIsOpenedForIt) {
  World world({with_one_connection()});
  world.host("a").scripts = {"U! wait 5s\n" + kGood.opening() + kGood.transaction()};
  const auto message = world.message();
  EXPECT_EQ(deliver(world, message, 1s).outcome, Outcome::kAbandoned);
  EXPECT_THAT(world.host("a").contents, IsEmpty());
  EXPECT_TRUE(world.deliver(world.message()).reused_connection);  // it was not opened in vain
}

TEST(Departed, BetweenTheCommandsAndTheContent) {
  World world({with_one_connection(), upstream("b")});
  world.host("a").scripts = {kGood.opening() +
                                 "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU! wait 5s\n"
                                 "U: 250 ok\nU: 250 ok\nU: 354 go\n",
                             kGood.opening() + kGood.transaction()};
  const auto message = world.message();
  EXPECT_EQ(deliver(world, message, 1s).outcome, Outcome::kAbandoned);
  EXPECT_THAT(world.host("a").contents, IsEmpty());
  // The upstream is not blamed for it.
  EXPECT_EQ(world.deliver(world.message()).upstream, "a");
}

TEST(Departed, AfterContentWasSentTheDeliveryGoesOn) {
  World world({with_one_connection()});
  world.host("a").scripts = {kGood.opening() + transaction("", "U! wait 5s\n")};
  const auto message = world.message();
  EXPECT_EQ(deliver(world, message, 1s).outcome, Outcome::kDelivered);
  EXPECT_THAT(world.host("a").contents, ElementsAre("Subject: x\r\n\r\nhello\r\n"));
}

TEST(Departed, NoOtherUpstreamIsAsked) {
  World world({with_one_connection(), upstream("b")});
  world.host("a").scripts = {kGood.opening() +
                             "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU! wait 5s\n"
                             "U: 450 later\nU: 503 no\nU: 503 no\n"};
  const auto message = world.message();
  EXPECT_EQ(deliver(world, message, 1s).outcome, Outcome::kAbandoned);
  EXPECT_EQ(world.host("b").dials, 0);
}

}  // namespace
}  // namespace sallyport::relay
