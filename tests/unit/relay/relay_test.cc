// The table "What the client hears" of docs/architecture.md, row by row.
#include "proxy/relay/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const std::string kOpening = R"(
  U: 220 up.example
  P: EHLO gw.example
  U: 250-up.example
  U: 250-PIPELINING
  U: 250-SIZE 1000000
  U: 250-8BITMIME
  U: 250 AUTH PLAIN LOGIN
  P: AUTH PLAIN AHVzZXIAc2VjcmV0
  U: 235 2.7.0 Welcome
)";

const std::string kTransaction = R"(
  P: MAIL FROM:<from@here.example> SIZE=*
  P: RCPT TO:<to@there.example>
  P: DATA
  U: 250 2.1.0 Ok
  U: 250 2.1.5 Ok
  U: 354 Go on
  P! content
  U: 250 2.0.0 Ok: queued as 4XYZ
)";

TEST(Relay, DeliversOverTlsWithALoginInTwoFlights) {
  World world({upstream("a")});
  world.host("a").scripts = {kOpening + kTransaction};
  const Delivery delivery = world.deliver(world.message());
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  EXPECT_EQ(delivery.reply.wire(), "250 2.0.0 Ok: id1 Ok: queued as 4XYZ\r\n");
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
  world.host("a").scripts = {kOpening + kTransaction + kTransaction + kTransaction};
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
