#include "proxy/policy/gcra.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace sallyport::policy {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

GcraRate rate(std::uint64_t amount, std::chrono::seconds period, std::uint64_t burst = 0) {
  return GcraRate({.amount = amount, .period = period, .burst = burst == 0 ? amount : burst});
}

/// Takes one by one until refused: how many went.
int take_all(Gcra& gcra, const GcraRate& rate, SinceEpoch now) {
  int taken = 0;
  while (gcra.take(rate, 1, now)) ++taken;
  return taken;
}

TEST(GcraRate, AUnitCostsTheTimeInWhichItIsEarned) {
  EXPECT_EQ(rate(100, 1min).cost(1), 600ms);
  EXPECT_EQ(rate(100, 1min).cost(100), 1min);
  EXPECT_EQ(rate(5000, 24h).cost(1), 17'280ms);
  EXPECT_EQ(rate(1, 1s).cost(0), 0ns);
  EXPECT_EQ(rate(7, 1s).cost(1), 142'857'142ns) << "rounded down";
  EXPECT_EQ(rate(100'000'000'000'000, 1s).cost(1), 1ns) << "but never free";
  EXPECT_EQ(rate(100'000'000'000'000, 1s).cost(100'000'000'000'000), 1s);
}

TEST(GcraRate, AbsurdRatesDoNotOverflow) {
  const GcraRate absurd = rate(1, 24h, UINT64_MAX);
  EXPECT_EQ(absurd.cost(UINT64_MAX), nanoseconds(std::int64_t{1} << 61));
  Gcra gcra;
  EXPECT_TRUE(gcra.take(absurd, UINT64_MAX, 1h));
  const auto again = gcra.take(absurd, UINT64_MAX, 1h);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error(), absurd.tolerance());
}

TEST(GcraRate, CountsUnitsBack) {
  EXPECT_EQ(rate(100, 1min).units(0ns), 0u);
  EXPECT_EQ(rate(100, 1min).units(-5s), 0u);
  EXPECT_EQ(rate(100, 1min).units(600ms), 1u);
  EXPECT_EQ(rate(100, 1min).units(601ms), 2u) << "a unit begun is a unit";
  EXPECT_EQ(rate(100, 1min).units(1min), 100u);
}

TEST(Gcra, TheWholeBurstAtOnceThenOneByOne) {
  const struct {
    GcraRate rate;
    int burst;
    nanoseconds interval;  // rounded up
  } cases[] = {
      {rate(100, 1min), 100, 600ms},    {rate(60, 1min, 1), 1, 1s},
      {rate(1, 24h), 1, 24h},           {rate(7, 1s), 7, 142'857'143ns},
      {rate(1000, 1h, 10), 10, 3600ms}, {rate(3, 1s, 500), 500, 333'333'334ns},
  };
  for (const auto& c : cases) {
    Gcra gcra;
    const SinceEpoch start = 1h;
    EXPECT_EQ(take_all(gcra, c.rate, start), c.burst);
    // Every cost was rounded down, by less than a nanosecond each.
    EXPECT_EQ(take_all(gcra, c.rate, start + c.interval - nanoseconds(c.burst + 1)), 0);
    EXPECT_EQ(take_all(gcra, c.rate, start + c.interval), 1);
    EXPECT_EQ(take_all(gcra, c.rate, start + c.interval + 1000h), c.burst) << "rest is not hoarded";
  }
}

TEST(Gcra, SaysWhenToComeBackAndKeepsItsWord) {
  Gcra gcra;
  const GcraRate limit = rate(100, 1min);
  EXPECT_TRUE(gcra.take(limit, 95, 0s));
  const auto refused = gcra.take(limit, 25, 0s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), 20 * 600ms);
  EXPECT_EQ(gcra.peek(limit, 25, 0s).error(), refused.error()) << "a refusal takes nothing";
  EXPECT_FALSE(gcra.take(limit, 25, refused.error() - 1ns));
  EXPECT_TRUE(gcra.take(limit, 25, refused.error()));
}

TEST(Gcra, PeekTakesNothing) {
  Gcra gcra;
  const GcraRate limit = rate(5, 1s);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(gcra.peek(limit, 5, 0s));
  EXPECT_TRUE(gcra.take(limit, 5, 0s));
  EXPECT_FALSE(gcra.peek(limit, 1, 0s));
}

TEST(Gcra, WhatIsLeftOutCanBeTakenAgain) {
  const GcraRate limit = rate(10, 1s);
  Gcra gcra;
  EXPECT_TRUE(gcra.take(limit, 4, 1h));
  Gcra without;
  without.repeat(gcra.take(limit, 6, 1h).value());
  gcra.relax(without);
  EXPECT_FALSE(gcra.peek(limit, 5, 1h));
  EXPECT_TRUE(gcra.take(limit, 4, 1h));
  EXPECT_FALSE(gcra.peek(limit, 1, 1h));
}

// However many takings there were, one Step does the same.
TEST(Gcra, StepsInARowAreOneStep) {
  std::mt19937_64 random(20'240'608);
  const auto up_to = [&](std::int64_t most) {
    return nanoseconds(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most)));
  };
  for (int round = 0; round < 1000; ++round) {
    Step all;
    nanoseconds now = 0s;
    nanoseconds one_by_one = 0s;
    for (int i = 0; i < 10; ++i) {
      now += up_to(100);
      const Step step{.not_before = now, .plus = up_to(100)};
      all = all.then(step);
      one_by_one = step.apply(one_by_one);
    }
    ASSERT_EQ(all.apply(0s), one_by_one);
  }
}

TEST(Gcra, AClockThatStepsBackGivesNothingAway) {
  Gcra gcra;
  const GcraRate limit = rate(10, 1s);
  EXPECT_EQ(take_all(gcra, limit, 1h), 10);
  EXPECT_EQ(take_all(gcra, limit, 1h - 1s), 0);
  EXPECT_EQ(take_all(gcra, limit, 1h), 0);
}

TEST(Gcra, AChangedRateKeepsTheUnitsThatWereUsed) {
  const GcraRate hundred = rate(100, 1min);
  const struct {
    const char* what;
    GcraRate to;
    std::uint64_t used;
    int left;
  } cases[] = {
      {"raised", rate(1000, 1min), 80, 920},
      {"lowered", rate(90, 1min), 80, 10},
      {"lowered below what was used", rate(50, 1min), 80, 0},
      {"another period", rate(100, 1h), 80, 20},
      {"a larger burst", rate(100, 1min, 300), 80, 220},
      {"a smaller burst", rate(100, 1min, 85), 80, 5},
      {"nothing used", rate(50, 1min), 0, 50},
  };
  for (const auto& c : cases) {
    Gcra gcra;
    EXPECT_TRUE(gcra.take(hundred, c.used, 1h));
    gcra.convert(hundred, c.to, 1h);
    EXPECT_EQ(take_all(gcra, c.to, 1h), c.left) << c.what;
    // However much was used before, nobody waits longer than for a full burst.
    EXPECT_EQ(take_all(gcra, c.to, 1h + c.to.cost(1)), 1) << c.what;
  }
}

TEST(Gcra, IsIdleWhenEverythingIsEarnedBack) {
  Gcra gcra;
  const GcraRate limit = rate(10, 1s);
  EXPECT_TRUE(gcra.idle(0s));
  EXPECT_TRUE(gcra.take(limit, 10, 1h));
  EXPECT_FALSE(gcra.idle(1h + 1s - 1ns));
  EXPECT_TRUE(gcra.idle(1h + 1s));
}

// The promise itself, held against random traffic: over every span between two admissions no more
// units than burst + rate * span. Rounding may add a nanosecond's worth for each admission.
TEST(Gcra, NeverAdmitsMoreThanBurstPlusRateTimesSpan) {
  std::mt19937_64 random(20'240'607);
  const auto up_to = [&](std::uint64_t most) { return random() % most; };
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t amount = 1 + up_to(round % 2 == 0 ? 100 : 1'000'000'000);
    const std::chrono::seconds period(1 + up_to(3600));
    const std::uint64_t burst = 1 + up_to(2 * amount);
    const GcraRate limit = rate(amount, period, burst);
    Gcra gcra;
    struct Admission {
      nanoseconds at;
      std::uint64_t units;
    };
    std::deque<Admission> admitted;
    nanoseconds now = 0s;
    for (int i = 0; i < 300; ++i) {
      now += nanoseconds(up_to(2 * static_cast<std::uint64_t>(limit.cost(1).count()) + 10));
      const std::uint64_t units = 1 + up_to(burst);
      if (gcra.take(limit, units, now)) admitted.push_back({now, units});
    }
    const long double per_nanosecond =
        static_cast<long double>(amount) / static_cast<long double>(nanoseconds(period).count());
    for (std::size_t first = 0; first < admitted.size(); ++first) {
      long double units = 0;
      for (std::size_t last = first; last < admitted.size(); ++last) {
        units += static_cast<long double>(admitted[last].units);
        const auto span =
            static_cast<long double>((admitted[last].at - admitted[first].at).count());
        const auto roundings = static_cast<long double>(last - first + 2);
        ASSERT_LE(units,
                  static_cast<long double>(burst) + per_nanosecond * (span + roundings) + 1e-3L)
            << amount << '/' << period.count() << " s burst " << burst;
      }
    }
  }
}

// Nor is anything lost: who takes exactly as fast as the rate earns is never refused.
TEST(Gcra, AdmitsEverythingThatKeepsToTheRate) {
  for (const auto& limit : {rate(100, 1min, 1), rate(7, 1s, 1), rate(999, 1h, 3)}) {
    Gcra gcra;
    nanoseconds now = 0s;
    for (int i = 0; i < 10'000; ++i, now += limit.cost(1)) {
      ASSERT_TRUE(gcra.take(limit, 1, now)) << i;
    }
  }
}

}  // namespace
}  // namespace sallyport::policy
