// One message's way through routes, pool and transaction when all is well, or nearly.
#include "proxy/relay/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/willing.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Relay, DeliversOverTlsWithALoginInTwoFlights) {
  World world({upstream("a")});
  const scripts::Upstream good;
  world.host("a").scripts = {good.opening() + good.transaction()};
  const Delivery delivery = world.deliver(world.message());
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  EXPECT_EQ(delivery.reply.wire(), "250 2.0.0 Ok: queued as 4XYZ\r\n");
  EXPECT_EQ(delivery.upstream, "a");
  EXPECT_EQ(delivery.upstream_reply, "250 2.0.0 Ok: queued as 4XYZ");
  EXPECT_EQ(delivery.upstream_id, "4XYZ");
  EXPECT_EQ(delivery.attempts, 1u);
  EXPECT_FALSE(delivery.reused_connection);
  EXPECT_EQ(world.host("a").secured, 1);
  EXPECT_EQ(world.host("a").last_stream->writes(), 4u);  // EHLO, AUTH, commands, content
  EXPECT_THAT(world.host("a").contents, testing::ElementsAre("Subject: x\r\n\r\nhello\r\n"));
}

TEST(Relay, UsesAWarmConnectionAgain) {
  World world({upstream("a")});
  const scripts::Upstream good;
  world.host("a").scripts = {good.opening() + good.transaction() + good.transaction() +
                             good.transaction()};
  for (int i = 0; i < 3; ++i) {
    const Delivery delivery = world.deliver(world.message());
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    EXPECT_EQ(delivery.reused_connection, i > 0);
  }
  EXPECT_EQ(world.host("a").dials, 1);
  EXPECT_EQ(world.host("a").last_stream->writes(), 2u + 3u * 2u);
}

TEST(Relay, AnUpstreamInTroubleIsTheLastResort) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream good;
  using scripts::Fault;
  world.host("a").scripts = {"D! refuse", good.opening() + good.transaction()};
  world.host("b").scripts = {good.opening() + good.transaction() +
                             good.transaction(Stage::kRcpt, Fault::k4xx)};
  EXPECT_EQ(world.deliver(world.message()).upstream, "b");
  const Delivery second = world.deliver(world.message());  // a is in trouble, b has a 450
  EXPECT_EQ(second.outcome, Outcome::kDelivered);
  EXPECT_EQ(second.upstream, "a");
  EXPECT_EQ(second.attempts, 2u);
}

struct Seen {
  int delivered = 0;
  int needless = 0;  // deferred with an upstream left that was not asked
  int second = 0;    // went by the second upstream tried
};

runtime::Task<void> deliver_many(Relay& relay, runtime::Loop& loop, const message::Message& message,
                                 Seen& seen) {
  for (int i = 0; i < 200; ++i) {
    const Delivery delivery = co_await relay.deliver(message, loop.after(1h));
    if (delivery.outcome == Outcome::kDelivered) ++seen.delivered;
    if (delivery.outcome == Outcome::kDelivered && delivery.attempts == 2) ++seen.second;
    if (delivery.outcome == Outcome::kDeferred && delivery.attempts < 2) ++seen.needless;
  }
}

TEST(Relay, UnderResetsNoMessageIsDeferredBeforeEachUpstreamWasAsked) {
  runtime::Loop loop(runtime::Time::kVirtual);
  log::Logger logger({.least = log::Level::kError, .descriptor = -1});
  metrics::Registry metrics{{}};
  message::Budget budget(1u << 30);
  message::Storage storage;
  ConnectionCaps caps;
  config::Config config;
  config.hostname = "gw.example";
  for (const char* const name : {"a", "b"}) {
    config::Upstream made = upstream(name);
    made.username.clear();
    made.max_messages_per_connection = 5;
    config.upstreams.push_back(std::move(made));
  }
  config.routes.push_back({.senders = {}, .upstreams = config::in_order({0, 1})});
  runtime::TaskGroup servers(loop);
  Count count;
  std::minstd_rand random(1);
  const Manner manner{.resets = [&random] { return random() % 50 == 0; }};  // 2 %
  const Surroundings surroundings{loop, logger, metrics, caps,
                                  [&](runtime::Loop& l, const config::Upstream&,
                                      const TlsFiles&) -> Result<std::unique_ptr<Dialer>> {
                                    return dial_willing(l, servers, count, manner);
                                  }};
  const auto relay =
      Relay::make(surroundings, std::make_shared<const config::Config>(config)).value();

  Seen seen;
  message::Message message{
      .id = "id", .envelope = {}, .body = message::Body(budget, storage), .message_id = {}};
  ASSERT_TRUE(message.body.append("Subject: x\r\n\r\nhello\r\n"));
  message.envelope.recipients.push_back({{"to", "there.example"}});
  const auto main = [](runtime::Loop& l, Relay& r, runtime::TaskGroup& upstreams,
                       const message::Message& m, Seen& s) -> runtime::Task<void> {
    runtime::TaskGroup group(l);
    for (int i = 0; i < 10; ++i) group.spawn(deliver_many(r, l, m, s));
    (void)co_await group.join();
    co_await r.drain(l.after(1s));
    (void)co_await upstreams.join();
  };
  loop.run(main(loop, *relay, servers, message, seen));
  EXPECT_EQ(seen.needless, 0);
  EXPECT_GT(seen.delivered, 1'950);
  EXPECT_GT(seen.second, 10);
}

}  // namespace
}  // namespace sallyport::relay
