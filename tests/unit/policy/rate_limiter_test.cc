#include "proxy/policy/rate_limiter.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sallyport::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kEpoch{1000h};
constexpr TimePoint kNoon = kEpoch + 12h;

config::Rate rate(std::uint64_t amount, std::chrono::seconds period, std::uint64_t burst = 0) {
  return {.amount = amount, .period = period, .burst = burst == 0 ? amount : burst};
}

config::User user(std::string name, const config::Limits& limits) {
  config::User made;
  made.name = std::move(name);
  made.limits = limits;
  return made;
}

std::shared_ptr<UserLimits> limits_of(const config::Limits& limits) {
  return std::make_shared<UserLimits>(limits, kEpoch);
}

/// Takes it for good: as a message that was delivered.
bool spend(UserLimits& limits, const Charge& charge, TimePoint now) {
  auto receipt = limits.take(charge, now);
  if (receipt) receipt->keep();
  return receipt.has_value();
}

/// How many messages of this kind go through now.
int admitted(UserLimits& limits, const Charge& charge, TimePoint now) {
  int count = 0;
  while (spend(limits, charge, now)) ++count;
  return count;
}

const config::Limits kUnlimited{};

TEST(UserLimits, WithoutLimitsEverythingPasses) {
  const auto limits = limits_of(kUnlimited);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(spend(*limits, {.recipients = 1000, .bytes = 1u << 30}, kNoon));
  }
  EXPECT_EQ(limits->most_recipients(), std::nullopt);
}

TEST(UserLimits, WhicheverLimitIsReachedFirstRefuses) {
  const struct {
    config::Limits limits;
    Charge charge;
    int passes;
    Limit refused_by;
    Duration retry_after;
  } cases[] = {
      {{.messages = rate(100, 1min), .recipients = {}, .bytes = {}, .connections = {}},
       {.recipients = 50, .bytes = 5000},
       100,
       Limit::kMessages,
       600ms},
      {{.messages = rate(100, 1min), .recipients = rate(500, 1h), .bytes = {}, .connections = {}},
       {.recipients = 50, .bytes = 5000},
       10,
       Limit::kRecipients,
       6min},
      {{.messages = rate(100, 1min),
        .recipients = rate(500, 1h),
        .bytes = rate(20'000, 1s),
        .connections = {}},
       {.recipients = 50, .bytes = 5000},
       4,
       Limit::kBytes,
       250ms},
  };
  for (const auto& c : cases) {
    const auto limits = limits_of(c.limits);
    EXPECT_EQ(admitted(*limits, c.charge, kNoon), c.passes);
    const auto refused = limits->take(c.charge, kNoon);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().limit, c.refused_by);
    EXPECT_EQ(refused.error().retry_after, c.retry_after);
    EXPECT_FALSE(refused.error().permanent);
    EXPECT_TRUE(spend(*limits, c.charge, kNoon + c.retry_after)) << "the promise is kept";
  }
}

TEST(UserLimits, OfSeveralRefusalsTheLongestIsTold) {
  const auto limits = limits_of(
      {.messages = rate(1, 1s), .recipients = rate(1, 1h), .bytes = {}, .connections = {}});
  EXPECT_TRUE(spend(*limits, {.recipients = 1}, kNoon));
  EXPECT_EQ(limits->take({.recipients = 1}, kNoon).error().limit, Limit::kRecipients);
  EXPECT_EQ(limits->take({.recipients = 1}, kNoon).error().retry_after, 1h);
}

TEST(UserLimits, ARefusalTakesNothingFromTheOtherLimits) {
  const auto limits = limits_of(
      {.messages = rate(10, 1h), .recipients = rate(5, 1h), .bytes = {}, .connections = {}});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(spend(*limits, {.recipients = 1}, kNoon));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(spend(*limits, {.recipients = 1}, kNoon));
  EXPECT_EQ(admitted(*limits, {.recipients = 0}, kNoon), 5) << "five messages must be left";
}

TEST(UserLimits, PeekChargesNothing) {
  const auto limits =
      limits_of({.messages = rate(1, 1min), .recipients = {}, .bytes = {}, .connections = {}});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limits->peek({.recipients = 1}, kNoon));
  EXPECT_TRUE(spend(*limits, {.recipients = 1}, kNoon));
  const auto refused = limits->peek({.recipients = 1}, kNoon);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, Limit::kMessages);
  EXPECT_EQ(refused.error().retry_after, 1min);
}

TEST(UserLimits, MoreThanTheBurstIsRefusedForGood) {
  const auto limits = limits_of({.messages = rate(1, 1h),
                                 .recipients = rate(1000, 24h, 50),
                                 .bytes = rate(1'000'000, 1h),
                                 .connections = {}});
  EXPECT_EQ(limits->most_recipients(), 50u);
  EXPECT_TRUE(spend(*limits, {.recipients = 50, .bytes = 1'000'000}, kNoon));
  // Even now that other limits would say "later".
  const auto many = limits->take({.recipients = 51, .bytes = 1}, kNoon);
  ASSERT_FALSE(many);
  EXPECT_TRUE(many.error().permanent);
  EXPECT_EQ(many.error().limit, Limit::kRecipients);
  EXPECT_EQ(many.error().asked, 51u);
  const auto large = limits->peek({.recipients = 1, .bytes = 1'000'001}, kNoon);
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().permanent);
  EXPECT_EQ(large.error().limit, Limit::kBytes);
}

TEST(UserLimits, CountsConnectionsWhileTheirSlotsLive) {
  const auto limits = limits_of({.messages = {}, .recipients = {}, .bytes = {}, .connections = 2});
  auto first = limits->connect();
  {
    const auto second = limits->connect();
    ASSERT_TRUE(first);
    ASSERT_TRUE(second);
    const auto third = limits->connect();
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().limit, Limit::kConnections);
    EXPECT_EQ(third.error().rate.amount, 2u);
    EXPECT_EQ(limits->connections(), 2u);
  }
  EXPECT_EQ(limits->connections(), 1u);
  ConnectionSlot moved = std::move(*first);
  EXPECT_EQ(limits->connections(), 1u);
  moved = ConnectionSlot();
  EXPECT_EQ(limits->connections(), 0u);
}

TEST(UserLimits, ThreadsTogetherGetExactlyWhatIsAllowed) {
  constexpr std::uint64_t kMessages = 20'000;
  constexpr std::uint64_t kRecipients = 30'000;
  const auto limits = limits_of({.messages = rate(kMessages, 24h),
                                 .recipients = rate(kRecipients, 24h),
                                 .bytes = {},
                                 .connections = 3});
  std::atomic<std::uint64_t> messages = 0;
  std::atomic<std::uint64_t> recipients = 0;
  std::atomic<bool> too_many = false;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (std::uint64_t i = 0; i < kMessages; ++i) {
          const auto slot = limits->connect();
          if (limits->connections() > 3) too_many = true;
          const Charge charge{.recipients = 1 + i % 3};
          if (!spend(*limits, charge, kNoon)) continue;
          messages += charge.messages;
          recipients += charge.recipients;
        }
      });
    }
  }
  EXPECT_FALSE(too_many);
  EXPECT_EQ(limits->connections(), 0u);
  EXPECT_LE(messages, kMessages);
  EXPECT_LE(recipients, kRecipients);
  // Whatever was given back can still be had: to the last recipient.
  recipients +=
      static_cast<std::uint64_t>(admitted(*limits, {.messages = 0, .recipients = 1}, kNoon));
  messages += static_cast<std::uint64_t>(admitted(*limits, {.messages = 1}, kNoon));
  EXPECT_EQ(recipients, kRecipients);
  EXPECT_EQ(messages, kMessages);
}

TEST(LimitTable, StateBelongsToTheName) {
  LimitTable table(kEpoch);
  const config::Limits one{
      .messages = rate(1, 1h), .recipients = {}, .bytes = {}, .connections = {}};
  EXPECT_TRUE(spend(*table.find(user("billing", one), kNoon), {}, kNoon));
  EXPECT_FALSE(spend(*table.find(user("billing", one), kNoon), {}, kNoon)) << "sessions share it";
  EXPECT_TRUE(spend(*table.find(user("shop", one), kNoon), {}, kNoon));
  EXPECT_EQ(table.size(), 2u);
}

TEST(LimitTable, AReloadReachesSessionsThatAreConnected) {
  LimitTable table(kEpoch);
  const auto held = table.find(
      user("billing",
           {.messages = rate(100, 1min), .recipients = {}, .bytes = {}, .connections = {}}),
      kNoon);
  for (int i = 0; i < 80; ++i) EXPECT_TRUE(spend(*held, {}, kNoon));

  const auto lowered = std::make_shared<const config::User>(user(
      "billing",
      {.messages = rate(90, 1min), .recipients = rate(3, 1h), .bytes = {}, .connections = {}}));
  table.update([&](std::string_view name) { return name == "billing" ? lowered : nullptr; }, kNoon);
  EXPECT_EQ(held->most_recipients(), 3u);
  EXPECT_EQ(admitted(*held, {}, kNoon), 10) << "80 of 90 were used before the reload";
}

TEST(LimitTable, WhoLogsInBringsTheNewestLimits) {
  LimitTable table(kEpoch);
  const auto held = table.find(
      user("billing", {.messages = rate(1, 1h), .recipients = {}, .bytes = {}, .connections = {}}),
      kNoon);
  EXPECT_TRUE(spend(*held, {}, kNoon));
  EXPECT_FALSE(spend(*held, {}, kNoon));
  (void)table.find(user("billing", kUnlimited), kNoon);
  EXPECT_TRUE(spend(*held, {}, kNoon));
}

TEST(LimitTable, ARemovedUserKeepsTheOldLimits) {
  LimitTable table(kEpoch);
  const auto held = table.find(
      user("billing", {.messages = rate(1, 1h), .recipients = {}, .bytes = {}, .connections = {}}),
      kNoon);
  table.update([](std::string_view) { return nullptr; }, kNoon);
  EXPECT_EQ(admitted(*held, {}, kNoon), 1);
}

TEST(LimitTable, ForgetsOnlyWhatIsAsGoodAsNew) {
  LimitTable table(kEpoch);
  const config::Limits limits{
      .messages = rate(1, 1h), .recipients = {}, .bytes = {}, .connections = {}};
  const auto connected = table.find(user("connected", limits), kNoon);
  EXPECT_TRUE(spend(*table.find(user("owing", limits), kNoon + 30min), {}, kNoon + 30min));
  for (int i = 0; i < 100'000; ++i) {
    (void)table.find(user("passer-by " + std::to_string(i), limits), kNoon + 1h);
  }
  EXPECT_LE(table.size(), 16u * 130u);
  EXPECT_EQ(table.find(user("connected", limits), kNoon + 1h), connected);
  EXPECT_FALSE(spend(*table.find(user("owing", limits), kNoon + 1h), {}, kNoon + 1h));
}

TEST(LimitTable, ReloadsAndSessionsMayRunTogether) {
  LimitTable table(kEpoch);
  const config::Limits small{
      .messages = rate(10, 1h), .recipients = {}, .bytes = rate(1000, 1s), .connections = 2};
  const config::Limits large{
      .messages = rate(1000, 1min), .recipients = rate(50, 1s), .bytes = {}, .connections = {}};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto limits =
            table.find(user("user" + std::to_string(i % 20), t == 0 ? small : large), kNoon);
        const auto slot = limits->connect();
        (void)limits->peek({.recipients = 1, .bytes = 1}, kNoon);
        (void)limits->take({.recipients = 1, .bytes = 1}, kNoon);
        (void)spend(*limits, {.recipients = 1, .bytes = 1}, kNoon);
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 200; ++i) {
      table.update(
          [&](std::string_view name) {
            return std::make_shared<const config::User>(
                user(std::string(name), i % 2 == 0 ? small : large));
          },
          kNoon);
    }
  });
  threads.clear();
  EXPECT_EQ(table.size(), 20u);
  EXPECT_EQ(table.find(user("user0", small), kNoon)->connections(), 0u);
}

}  // namespace
}  // namespace sallyport::policy
