// What was charged and not delivered is given back: exactly, whatever else was charged meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/policy/rate_limiter.h"

namespace sallyport::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kEpoch{1000h};
constexpr TimePoint kNoon = kEpoch + 12h;

config::Limits messages(std::uint64_t amount, std::chrono::seconds period) {
  return {.messages = config::Rate{.amount = amount, .period = period, .burst = amount},
          .recipients = {},
          .bytes = {},
          .connections = {}};
}

std::shared_ptr<UserLimits> limits_of(const config::Limits& limits) {
  return std::make_shared<UserLimits>(limits, kEpoch);
}

/// How many messages go through now, for good.
int admitted(UserLimits& limits, TimePoint now) {
  int count = 0;
  while (auto receipt = limits.take({}, now)) {
    receipt->keep();
    ++count;
  }
  return count;
}

TEST(Receipt, GivesBackUnlessItIsKept) {
  const auto limits = limits_of(messages(2, 1h));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limits->take({}, kNoon)) << i;
  limits->take({}, kNoon)->keep();
  EXPECT_EQ(admitted(*limits, kNoon), 1);
}

TEST(Receipt, CountsWhileItLives) {
  const auto limits = limits_of(messages(2, 1h));
  auto first = limits->take({}, kNoon);
  auto second = limits->take({}, kNoon);
  EXPECT_FALSE(limits->take({}, kNoon));
  *first = Receipt();
  EXPECT_TRUE(limits->take({}, kNoon));
  Receipt moved = std::move(*second);
  moved.keep();
  moved.keep();  // of nothing any more
  EXPECT_EQ(admitted(*limits, kNoon), 1);
}

TEST(Receipt, GivesBackEveryLimit) {
  const config::Rate ten{.amount = 10, .period = 3600s, .burst = 10};
  const auto limits =
      limits_of({.messages = ten, .recipients = ten, .bytes = ten, .connections = {}});
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(limits->take({.messages = 1, .recipients = 10, .bytes = 10}, kNoon));
  }
}

TEST(Receipt, GivesBackWhatIsNotKept) {
  const config::Rate ten{.amount = 10, .period = 3600s, .burst = 10};
  const auto limits =
      limits_of({.messages = ten, .recipients = ten, .bytes = ten, .connections = {}});
  auto held = limits->take({.messages = 1, .recipients = 10, .bytes = 5}, kNoon);
  ASSERT_TRUE(held);
  held->keep({.messages = 1, .recipients = 4, .bytes = 5});
  EXPECT_FALSE(limits->peek({.recipients = 7}, kNoon));
  EXPECT_TRUE(limits->peek({.messages = 9, .recipients = 6, .bytes = 5}, kNoon));
  EXPECT_FALSE(limits->peek({.messages = 10}, kNoon));
  EXPECT_FALSE(limits->peek({.bytes = 6}, kNoon));
}

// Time went by while it was out: what it held is not earned twice.
TEST(Receipt, DoesNotGiveBackWhatTimeHasGivenBackAlready) {
  const auto limits = limits_of(messages(1, 10s));
  auto held = limits->take({}, kNoon);
  ASSERT_TRUE(held);
  // In ten seconds it is earned back, and another one is taken.
  limits->take({}, kNoon + 10s)->keep();
  *held = Receipt();
  EXPECT_EQ(admitted(*limits, kNoon + 10s), 0) << "the second one is still owed";
  EXPECT_EQ(admitted(*limits, kNoon + 20s), 1);
}

// In any order: the state is what it would be if the rest had been all there ever was.
TEST(Receipt, LeavesTheLimitAsIfTheChargeHadNeverBeen) {
  std::mt19937_64 random(20'261'125);
  const auto up_to = [&](std::uint64_t most) { return random() % most; };
  for (int round = 0; round < 500; ++round) {
    const config::Limits rate = messages(1 + up_to(20), std::chrono::seconds(1 + up_to(100)));
    const auto limits = limits_of(rate);
    struct Charged {
      TimePoint at;
      Receipt receipt;
      bool kept = false;
      bool settled = false;
    };
    std::vector<Charged> all;
    TimePoint now = kNoon;
    for (int i = 0; i < 30; ++i) {
      now += std::chrono::milliseconds(up_to(5000));
      if (auto receipt = limits->take({}, now)) all.push_back({now, std::move(*receipt)});
      if (all.empty() || up_to(2) == 0) continue;
      Charged& one = all[up_to(all.size())];
      if (std::exchange(one.settled, true)) continue;
      one.kept = up_to(2) == 0;
      if (one.kept) one.receipt.keep();
      one.receipt = Receipt();
    }
    const auto alike = limits_of(rate);
    for (Charged& one : all) {
      if (std::exchange(one.settled, true) ? one.kept : up_to(2) == 0) {
        one.receipt.keep();
        auto again = alike->take({}, one.at);
        ASSERT_TRUE(again) << "without the others it can only be easier";
        again->keep();
      }
      one.receipt = Receipt();
    }
    ASSERT_EQ(admitted(*limits, now), admitted(*alike, now)) << round;
    const auto one_more = limits->take({}, now);
    const auto of_the_other = alike->take({}, now);
    ASSERT_FALSE(one_more);
    ASSERT_FALSE(of_the_other);
    EXPECT_EQ(one_more.error().retry_after, of_the_other.error().retry_after) << round;
  }
}

TEST(Receipt, OutlivesAChangeOfTheLimits) {
  LimitTable table(kEpoch);
  config::User user;
  user.name = "billing";
  user.limits = messages(10, 3600s);
  const auto limits = table.find(user, kNoon);
  auto held = limits->take({}, kNoon);
  for (int i = 0; i < 4; ++i) limits->take({}, kNoon)->keep();
  const auto changed = [&](const config::Limits& to) {
    user.limits = to;
    (void)table.find(user, kNoon);
  };
  changed(messages(20, 60s));
  *held = Receipt();
  EXPECT_EQ(admitted(*limits, kNoon), 16) << "four are owed";
  held = limits->take({}, kNoon + 3s);
  ASSERT_TRUE(held);
  changed({});
  changed(messages(3, 60s));
  *held = Receipt();
  EXPECT_EQ(admitted(*limits, kNoon), 3) << "what was taken before there was a limit is forgotten";
}

TEST(Receipt, ThreadsTogetherLoseNothingAndGainNothing) {
  constexpr std::uint64_t kBurst = 3000;
  const auto limits = limits_of(messages(kBurst, 24h));
  std::atomic<std::uint64_t> kept = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::vector<Receipt> held;
        for (std::uint64_t i = 0; i < 2 * kBurst; ++i) {
          auto receipt = limits->take({}, kNoon);
          if (!receipt) continue;
          if ((i + static_cast<std::uint64_t>(t)) % 3 == 0) {
            receipt->keep();
            ++kept;
          } else {
            held.push_back(std::move(*receipt));
          }
          if (held.size() > 8) held.erase(held.begin() + static_cast<long>(i % 8));
        }
      });
    }
  }
  EXPECT_LE(kept, kBurst);
  EXPECT_EQ(kept + static_cast<std::uint64_t>(admitted(*limits, kNoon)), kBurst);
}

}  // namespace
}  // namespace sallyport::policy
