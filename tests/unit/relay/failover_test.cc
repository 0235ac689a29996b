// An upstream or one of its addresses that does not answer: what that costs a message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using metrics::ConnectFailure;
using scripts::Fault;
using testing::HasSubstr;
using testing::Not;

const scripts::Upstream kGood;

std::string good() { return kGood.opening() + kGood.transaction(); }

/// How long a delivery took.
struct Timed {
  Delivery delivery;
  Duration took;
};

Timed deliver(World& world) {
  const TimePoint began = world.loop.now();
  Delivery delivery = world.deliver(world.message());
  return {std::move(delivery), world.loop.now() - began};
}

TEST(Failover, TheNextAddressIsAskedUntilOneHasAnsweredEhlo) {
  const std::string greeting = "U: 220 up.example\n";
  const std::string bad[] = {
      "D! tls",
      "D! tls reset",
      "D! tls timeout",
      "D! not tls",
      "U! stall\n",
      "U! close\n",
      "U! reset\n",
      "U: 421 4.3.2 Closing\nU! close\n",
      "U: 554 No\nU! close\n",
      greeting + "P: EHLO gw.example\nU! stall\n",
      greeting + "P: EHLO gw.example\nU! close\n",
      greeting + "P: EHLO gw.example\nU: 421 4.3.2 Closing\nU! close\n",
  };
  for (const std::string& script : bad) {
    SCOPED_TRACE(script);
    World world({upstream("a")});
    world.host("a").addresses = 2;
    world.host("a").scripts = {script, good()};
    const Timed timed = deliver(world);
    EXPECT_EQ(timed.delivery.outcome, Outcome::kDelivered) << timed.delivery.reply.wire();
    EXPECT_LE(timed.took, 8s);
    EXPECT_EQ(world.host("a").spoke_badly, 1);
    EXPECT_EQ(world.host("a").spoke_well, 1);
    EXPECT_EQ(world.metrics.for_upstream("a").connect_failures[ConnectFailure::kTls].value(), 0u);
  }
}

TEST(Failover, ARefusedLoginIsTheUpstreamsAndNotAnAddresss) {
  World world({upstream("a")});
  world.host("a").addresses = 2;
  world.host("a").scripts = {kGood.opening(Stage::kAuth, Fault::k5xx)};
  EXPECT_EQ(deliver(world).delivery.outcome, Outcome::kDeferred);
  EXPECT_EQ(world.host("a").dials, 1);
  EXPECT_EQ(world.host("a").spoke_well, 1);
}

TEST(Failover, TheLastAddressHasTheTimeThatIsLeft) {
  World world({upstream("a")});
  world.host("a").addresses = 2;
  world.host("a").scripts = {"U! stall\n", "U! wait 20s\n" + good()};
  EXPECT_EQ(deliver(world).delivery.outcome, Outcome::kDelivered);
}

TEST(Failover, OnlyACertificateThatIsNotAcceptedIsSaidToBeUnverified) {
  const struct {
    std::string script;
    ConnectFailure counted;
  } cases[] = {
      {"D! tls reset", ConnectFailure::kNetwork},
      {"D! not tls", ConnectFailure::kProtocol},
      {"D! tls timeout", ConnectFailure::kTimeout},
      {"D! tls", ConnectFailure::kTls},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.script);
    World world({upstream("a")});
    world.host("a").scripts = {c.script};
    const Timed timed = deliver(world);
    EXPECT_EQ(timed.delivery.outcome, Outcome::kDeferred);
    const bool untrusted = c.counted == ConnectFailure::kTls;
    EXPECT_EQ(timed.delivery.reply.wire().contains("could not verify"), untrusted);
    EXPECT_EQ(world.metrics.for_upstream("a").connect_failures[c.counted].value(), 1u);
    world.finish();
    EXPECT_EQ(world.log().contains("upstream_not_trusted"), untrusted);
  }
}

TEST(Failover, TlsToAPortInClearAndTheOtherWayRoundSayWhatToTry) {
  World implicit({upstream("a")});
  implicit.host("a").scripts = {"D! not tls"};
  EXPECT_THAT(deliver(implicit).delivery.reply.wire(), HasSubstr("try tls = \"starttls\""));
  for (const config::TlsMode mode : {config::TlsMode::kStarttls, config::TlsMode::kNone}) {
    // Silence, an end, or an alert: what servers do that wait for a ClientHello.
    for (const char* script :
         {"U! stall\n", "U! close\n", "U! raw \x15\x03\x01\\0\x02\x02\x46\nU! close\n"}) {
      SCOPED_TRACE(script);
      config::Upstream in_clear = upstream("a");
      in_clear.tls = mode;
      World world({in_clear});
      world.host("a").scripts = {script};
      const std::string reply = deliver(world).delivery.reply.wire();
      EXPECT_THAT(reply, HasSubstr("try tls = \"implicit\""));
      EXPECT_THAT(reply, Not(HasSubstr("silent for too long")));
      EXPECT_EQ(world.metrics.for_upstream("a").connect_failures[ConnectFailure::kTls].value(), 0u);
    }
  }
}

TEST(Failover, AStoppedUpstreamOnWarmConnectionsCostsSeconds) {
  // A stopped process: its kernel takes connections and octets, and nothing ever answers.
  World world({upstream("a"), upstream("b")});
  world.host("a").scripts = {good() + kGood.transaction(Stage::kMail, Fault::kStall),
                             "D! tls timeout"};
  world.host("b").scripts = {good() + kGood.transaction() + kGood.transaction()};
  EXPECT_EQ(deliver(world).delivery.upstream, "a");
  const Timed second = deliver(world);
  EXPECT_EQ(second.delivery.outcome, Outcome::kDelivered);
  EXPECT_EQ(second.delivery.upstream, "b");
  EXPECT_LE(second.took, 13s);
  const Timed third = deliver(world);  // "a" is in trouble, and passed over
  EXPECT_EQ(third.delivery.upstream, "b");
  EXPECT_LE(third.took, 1s);
  world.pass(2s);
  world.host("a").scripts = {"D! tls timeout"};
  const Timed probe = deliver(world);  // it may have come back: one message looks
  EXPECT_EQ(probe.delivery.upstream, "b");
  EXPECT_LE(probe.took, 3s);
}

TEST(Failover, TheOnlyUpstreamIsGivenItsTime) {
  // RFC 5321 section 4.5.3.2: MAIL may take five minutes where nothing else is left.
  World world({upstream("a")});
  world.host("a").scripts = {kGood.opening() + "U! wait 280s\n" + kGood.transaction()};
  EXPECT_EQ(deliver(world).delivery.outcome, Outcome::kDelivered);
}

TEST(Failover, AReplyToTheFinalDotHasItsTenMinutesWhateverElseIsThere) {
  World world({upstream("a"), upstream("b")});
  world.host("a").scripts = {kGood.opening() +
                             "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 250 2.1.0 Ok\n"
                             "U: 250 2.1.5 Ok\nU: 354 Go\nP! content\nU! wait 240s\n"
                             "U: 250 2.0.0 Ok: late\n"};
  const Delivery delivery = world.deliver(world.message(), 10min);
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  EXPECT_EQ(delivery.upstream, "a");
}

}  // namespace
}  // namespace sallyport::relay
