#include "proxy/relay/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using Trouble = Health::Trouble;

const TimePoint kStart{1h};

/// How long `health` turns everybody away after now.
Duration away(Health& health, TimePoint& now) {
  const TimePoint begun = now;
  while (!health.admit(now)) now += 100ms;
  return now - begun;
}

TEST(Health, AdmitsAllWhileAllIsWell) {
  Health health(1);
  EXPECT_TRUE(health.admit(kStart));
  EXPECT_TRUE(health.admit(kStart));
}

TEST(Health, StaysAwayLongerWithEachFailureUpToACap) {
  Health health(1);
  TimePoint now = kStart;
  Duration expected = 1s;
  for (int i = 0; i < 12; ++i) {
    health.failed(Trouble::kUnreachable, now);
    const Duration spent = away(health, now);
    EXPECT_GE(spent, expected * 3 / 4);
    EXPECT_LE(spent, expected * 5 / 4 + 100ms);
    expected = std::min<Duration>(expected * 2, 1min);
  }
}

TEST(Health, AQuotaKeepsAwayForMinutes) {
  Health health(1);
  TimePoint now = kStart;
  health.failed(Trouble::kQuota, now);
  EXPECT_GE(away(health, now), 45s);
  for (int i = 0; i < 10; ++i) health.failed(Trouble::kQuota, now += 20min);
  EXPECT_LE(away(health, now), 15min * 5 / 4);
}

TEST(Health, FailuresThatBeganTogetherCountOnce) {
  Health health(1);
  TimePoint now = kStart;
  for (int i = 0; i < 50; ++i) health.failed(Trouble::kThrottled, now);
  EXPECT_LE(away(health, now), 1300ms);
}

TEST(Health, AnAttemptThatNeverReachedItLeavesTheNextToProbe) {
  Health health(1);
  TimePoint now = kStart;
  health.failed(Trouble::kUnreachable, now);
  now += 2s;
  EXPECT_TRUE(health.admit(now));
  EXPECT_FALSE(health.admit(now));
  health.learned_nothing();
  EXPECT_TRUE(health.admit(now));
}

TEST(Health, OneProbesWhileTheOthersStayAway) {
  Health health(1);
  TimePoint now = kStart;
  health.failed(Trouble::kThrottled, now);
  now += 2s;
  EXPECT_TRUE(health.admit(now));
  EXPECT_FALSE(health.admit(now));
  health.succeeded();
  EXPECT_TRUE(health.admit(now));
  EXPECT_TRUE(health.admit(now));
}

TEST(Health, AnUpstreamInTroubleIsPassedOverWhileThereIsAnother) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream good;
  world.host("a").scripts = {"D! refuse", good.opening() + good.transaction()};
  world.host("b").scripts = {good.opening() + good.transaction() + good.transaction()};
  EXPECT_EQ(world.deliver(world.message()).attempts, 2u);
  EXPECT_EQ(world.deliver(world.message()).attempts, 1u);  // only b
  EXPECT_EQ(world.host("a").dials, 1);
  world.pass(2s);
  const Delivery back = world.deliver(world.message());
  EXPECT_EQ(back.upstream, "a");
  EXPECT_EQ(back.outcome, Outcome::kDelivered);
}

TEST(Health, TheOnlyUpstreamIsAlwaysTried) {
  World world({upstream("a")});
  world.host("a").scripts = {"D! refuse", "D! refuse", "D! refuse"};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDeferred);
  }
  EXPECT_EQ(world.host("a").dials, 3);
}

TEST(Health, AMessageThatIsRefusedSaysNothingAboutTheUpstream) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream good;
  using scripts::Fault;
  world.host("a").scripts = {good.opening() + good.transaction(Stage::kRcpt, Fault::k4xx) +
                             good.transaction(Stage::kRcpt, Fault::k5xx, true) +
                             good.transaction(true)};
  world.host("b").scripts = {good.opening() + good.transaction()};
  EXPECT_EQ(world.deliver(world.message()).upstream, "b");
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kRefused);
  EXPECT_EQ(world.deliver(world.message()).upstream, "a");
}

TEST(Health, AThrottleByAnyCodeMovesOn) {
  config::Upstream ses = upstream("a");
  ses.provider = config::built_in_provider("ses");
  config::Upstream relay_host = upstream("c");
  World world({ses, relay_host, upstream("b")});
  const scripts::Upstream good;
  world.host("a").scripts = {
      good.opening() +
      "P: MAIL FROM:*\nP: RCPT*\nP: DATA\nU: 250 ok\nU: 250 ok\nU: 354 go\n"
      "P! content\nU: 454 Throttling failure: Daily message quota exceeded.\n"};
  world.host("c").scripts = {good.opening() +
                             "P: MAIL FROM:*\nP: RCPT*\nP: DATA\n"
                             "U: 550 5.7.1 Daily SMTP relay limit exceeded\nU: 503 x\nU: 503 x\n"};
  world.host("b").scripts = {good.opening() + good.transaction() + good.transaction()};
  EXPECT_EQ(world.deliver(world.message()).upstream, "b");
  world.pass(20s);
  EXPECT_EQ(world.deliver(world.message()).attempts, 1u);  // the quotas are remembered
}

}  // namespace
}  // namespace sallyport::relay
