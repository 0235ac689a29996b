#include "proxy/relay/pace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{48h};

config::Pace a_second(std::uint64_t amount) {
  return {.rate = config::Rate{.amount = amount, .period = 1s, .burst = amount}};
}

/// How many units go within `span`, when there is always one that waits.
int gone(Pace& pace, TimePoint& now, Duration span) {
  int count = 0;
  for (const TimePoint end = now + span; now < end;) {
    if (pace.try_take(1, now)) {
      ++count;
    } else {
      now = pace.ready(now);
    }
  }
  return count;
}

TEST(Pace, WithoutSettingsNothingIsLimited) {
  Pace pace;
  EXPECT_FALSE(pace.is_limited());
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(pace.try_take(1000, kStart));
  EXPECT_EQ(pace.ready(kStart), kStart);
  EXPECT_FALSE(pace.is_used_up(1000, kStart));
}

TEST(Pace, SpacesMailEvenlyALittleBelowTheRate) {
  Pace pace;
  pace.configure(a_second(14));
  TimePoint now = kStart;
  EXPECT_NEAR(gone(pace, now, 100s), 1372, 2);
  now += 1h;  // what was not used is not saved up
  EXPECT_NEAR(gone(pace, now, 1s), 14, 1);
}

TEST(Pace, RecipientsMayBeWhatIsCounted) {
  Pace pace;
  config::Pace settings = a_second(10);
  settings.per_recipient = true;
  pace.configure(settings);
  EXPECT_EQ(pace.units(50), 50u);
  EXPECT_TRUE(pace.try_take(50, kStart));
  EXPECT_GT(pace.ready(kStart), kStart + 5s);
  pace.configure(a_second(10));
  EXPECT_EQ(pace.units(50), 1u);
}

TEST(Pace, AThrottleReplyHalvesItAndTimeGivesItBack) {
  Pace pace;
  pace.configure(a_second(100));
  TimePoint now = kStart;
  EXPECT_DOUBLE_EQ(pace.allowed(now), 100);
  pace.throttled(now);
  pace.throttled(now + 10ms);  // of mail that was under way
  EXPECT_DOUBLE_EQ(pace.allowed(now), 50);
  EXPECT_NEAR(pace.allowed(now + 2s), 60, 0.1);
  pace.throttled(now + 2s);
  EXPECT_NEAR(pace.allowed(now + 2s), 30, 0.1);
  EXPECT_NEAR(pace.allowed(now + 16s), 100, 0.1);
  now += 20s;
  for (int i = 0; i < 100; ++i) pace.throttled(now += 1s);
  EXPECT_GE(pace.allowed(now), 2) << "it never stops";
}

TEST(Pace, AQuotaIsOfTheLastDay) {
  Pace pace;
  pace.configure({.rate = {}, .per_recipient = false, .daily = 10});
  EXPECT_TRUE(pace.is_limited());
  EXPECT_TRUE(pace.try_take(1, kStart)) << "there is no rate";
  pace.accepted(6, kStart);
  pace.accepted(4, kStart + 5h);
  EXPECT_TRUE(pace.is_used_up(1, kStart + 6h));
  EXPECT_EQ(pace.today(kStart + 6h), 10u);
  EXPECT_FALSE(pace.is_used_up(6, kStart + 24h)) << "the first six are a day old";
  EXPECT_TRUE(pace.is_used_up(7, kStart + 24h));
  EXPECT_EQ(pace.today(kStart + 100h), 0u);
}

config::Upstream paced(std::string name, std::uint64_t amount, Duration max_wait = 30s) {
  config::Upstream made = upstream(std::move(name));
  made.pace = a_second(amount);
  made.max_wait = std::chrono::duration_cast<config::milliseconds>(max_wait);
  return made;
}

TEST(Pace, ABurstWaitsForItsTurn) {
  World world({paced("a", 2)});
  const scripts::Upstream good;
  std::string script = good.opening();
  for (int i = 0; i < 5; ++i) script += good.transaction();
  world.host("a").scripts = {script};
  const TimePoint begun = world.loop.now();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  }
  EXPECT_GE(world.loop.now() - begun, 2s);
  EXPECT_LE(world.loop.now() - begun, 2200ms);
}

TEST(Pace, PastMaxWaitTheClientHearsSo) {
  World world({paced("a", 1, 500ms)});
  const scripts::Upstream good;
  world.host("a").scripts = {good.opening() + good.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  const TimePoint begun = world.loop.now();
  const Delivery delivery = world.deliver(world.message());
  EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
  EXPECT_THAT(delivery.reply.wire(), testing::StartsWith("451 4.4.5 "));
  EXPECT_EQ(delivery.cause, "upstream_busy");
  EXPECT_EQ(world.loop.now(), begun) << "no turn comes in time: it is no use to wait";
}

TEST(Pace, WhatIsTooMuchForOneSpillsOverToTheNext) {
  config::Upstream a = paced("a", 1);
  a.spill_after = 100ms;
  World world({a, upstream("b")});
  const scripts::Upstream good;
  world.host("a").scripts = {good.opening() + good.transaction()};
  world.host("b").scripts = {good.opening() + good.transaction()};
  EXPECT_EQ(world.deliver(world.message()).upstream, "a");
  EXPECT_EQ(world.deliver(world.message()).upstream, "b");
  EXPECT_FALSE(world.caps.diagnosis("a")) << "it is full, not broken";
}

TEST(Pace, AUsedUpQuotaSpillsOverAndIsHeardOfTheLast) {
  config::Upstream a = upstream("a");
  a.pace.daily = 1;
  const scripts::Upstream good;
  {
    World world({a, upstream("b")});
    world.host("a").scripts = {good.opening() + good.transaction()};
    world.host("b").scripts = {good.opening() + good.transaction()};
    EXPECT_EQ(world.deliver(world.message()).upstream, "a");
    EXPECT_EQ(world.deliver(world.message()).upstream, "b");
  }
  World world({a});
  world.host("a").scripts = {good.opening() + good.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  const Delivery delivery = world.deliver(world.message());
  EXPECT_THAT(delivery.reply.wire(), testing::StartsWith("451 4.4.5 "));
  EXPECT_THAT(delivery.reply.wire(), testing::HasSubstr("24 hours"));
}

TEST(Pace, AThrottleReplyIsNoTroubleWhereThereIsARate) {
  config::Upstream ses = paced("a", 100);
  ses.provider = config::built_in_provider("ses");
  World world({ses});
  const scripts::Upstream good;
  world.host("a").scripts = {good.opening() +
                             "P: MAIL FROM:*\nP: RCPT*\nP: DATA\n"
                             "U: 454 Throttling failure: Maximum sending rate exceeded.\n"
                             "U: 503 x\nU: 503 x\n"};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDeferred);
  EXPECT_FALSE(world.caps.diagnosis("a"));
  EXPECT_NEAR(world.caps.of(ses)->pace.allowed(world.loop.now()), 50, 1);
}

TEST(Pace, UsersTakeTurns) {
  runtime::Loop loop(runtime::Time::kVirtual);
  Pace pace;
  pace.configure(a_second(10));
  metrics::Gauge waiting;
  PaceQueue queue(loop, pace, waiting);
  std::string order;
  const auto wait = [](PaceQueue& in, runtime::Loop& of, std::string user,
                       std::string& went) -> runtime::Task<void> {
    const Caller caller{.user = user};
    if (co_await in.turn(1, of.after(30s), caller, 100)) went += user;
  };
  runtime::TaskGroup group(loop);
  for (int i = 0; i < 6; ++i) group.spawn(wait(queue, loop, "a", order));
  group.spawn(wait(queue, loop, "b", order));
  group.spawn(wait(queue, loop, "b", order));
  const auto join = [](runtime::TaskGroup& all) -> runtime::Task<void> {
    (void)co_await all.join();
  };
  loop.run(join(group));
  EXPECT_EQ(order, "aababaaa");
  EXPECT_EQ(waiting.value(), 0);
}

TEST(Pace, NoMoreWaitThanMay) {
  runtime::Loop loop(runtime::Time::kVirtual);
  Pace pace;
  pace.configure(a_second(1));
  metrics::Gauge waiting;
  PaceQueue queue(loop, pace, waiting);
  int went = 0;
  const auto wait = [](PaceQueue& in, runtime::Loop& of, int& count) -> runtime::Task<void> {
    if (co_await in.turn(1, of.after(1h), {}, 2)) ++count;
  };
  runtime::TaskGroup group(loop);
  for (int i = 0; i < 5; ++i) group.spawn(wait(queue, loop, went));
  const auto join = [](runtime::TaskGroup& all) -> runtime::Task<void> {
    (void)co_await all.join();
  };
  loop.run(join(group));
  EXPECT_EQ(went, 3) << "one at once, and two that waited";
}

}  // namespace
}  // namespace sallyport::relay
