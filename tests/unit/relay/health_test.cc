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
  EXPECT_TRUE(health.succeeded(now));
  EXPECT_TRUE(health.admit(now));
  EXPECT_TRUE(health.admit(now));
}

TEST(Health, MailComesBackInAStraightLine) {
  Health health(1);
  TimePoint now = kStart;
  health.failed(Trouble::kUnreachable, now);
  for (now += 20s; !health.admit(now);) now += 1s;
  EXPECT_TRUE(health.succeeded(now));  // after 20 s: it takes as long until all mail comes
  const auto admitted = [&health](TimePoint at) {
    int count = 0;
    for (int i = 0; i < 1000; ++i) count += health.admit(at) ? 1 : 0;
    return count;
  };
  EXPECT_NEAR(admitted(now), 100, 40);
  EXPECT_NEAR(admitted(now + 5s), 250, 60);
  EXPECT_NEAR(admitted(now + 15s), 750, 60);
  EXPECT_EQ(admitted(now + 20s), 1000);
  EXPECT_EQ(admitted(now), 1000) << "it is over";
}

TEST(Health, KindsOfTroubleCountApart) {
  Health health(1);
  TimePoint now = kStart;
  for (int i = 0; i < 6; ++i) {
    health.failed(Trouble::kUnreachable, now);
    now += 2min;
  }
  health.failed(Trouble::kThrottled, now);  // the first of its kind: about a second
  EXPECT_LE(away(health, now), 1300ms);
  health.failed(Trouble::kLogin, now);
  EXPECT_GE(away(health, now), 3750ms);
}

TEST(Health, TellsWhatIsWrongAndSinceWhen) {
  Health health(1);
  EXPECT_EQ(health.diagnosis(), std::nullopt);
  health.failed(Trouble::kUnreachable, kStart, "Connection refused");
  health.failed(Trouble::kLogin, kStart + 10s, "535 no");
  const auto diagnosis = health.diagnosis();
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->trouble, Trouble::kLogin);
  EXPECT_EQ(diagnosis->since, kStart);
  EXPECT_EQ(diagnosis->words, "535 no");
  EXPECT_TRUE(is_for_operator(diagnosis->trouble));
  health.forget();
  EXPECT_EQ(health.diagnosis(), std::nullopt);
  EXPECT_TRUE(health.admit(kStart + 10s));
}

TEST(Health, IsKnownToAllWorkersOfTheProcess) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream good;
  (void)world.relay();
  world.caps.of(upstream("a"))->health.failed(Trouble::kLogin, world.loop.now(), "535 no");
  world.host("b").scripts = {good.opening() + good.transaction()};
  EXPECT_EQ(world.deliver(world.message()).upstream, "b");
  ASSERT_TRUE(world.caps.diagnosis("a"));
  EXPECT_FALSE(world.caps.diagnosis("b"));
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
