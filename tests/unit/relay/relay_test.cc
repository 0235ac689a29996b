// One message's way through routes, pool and transaction when all is well, or nearly.
#include "proxy/relay/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/scripts.h"
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

}  // namespace
}  // namespace sallyport::relay
