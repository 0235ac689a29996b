// The ledger of `[[limit]]` against a plain model: never over, nothing lost, nothing leaked.
#include "proxy/policy/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace sallyport::policy {
namespace {

using namespace std::chrono_literals;

/// 2026-01-02 03:04:05 UTC.
constexpr WallTime kDawn{std::chrono::seconds(1767323045)};

config::Window rolling(std::uint64_t amount, std::chrono::seconds period, std::uint64_t burst) {
  return {.rate = {.amount = amount, .period = period, .burst = burst}};
}

config::Window daily(std::uint64_t amount) {
  return {.rate = {.amount = amount, .period = 24h, .burst = amount}, .calendar = true};
}

config::LimitRule rule(std::vector<config::Window> messages) {
  return {.name = "cap", .messages = std::move(messages)};
}

/// A ledger whose time stands still until it is moved.
struct Bench {
  WallTime now = kDawn;
  LocalLedger ledger{[this] { return now; }};

  std::expected<Charged, Exceeded> charge(const config::LimitRule& rule,
                                          const std::string& subject = "app", Charge charge = {}) {
    const Meter meter{.rule = &rule, .subject = subject, .charge = charge};
    return ledger.charge({&meter, 1});
  }
  /// How many messages are delivered now, one by one.
  int deliver(const config::LimitRule& rule, const std::string& subject = "app") {
    int count = 0;
    while (auto charged = charge(rule, subject)) {
      charged->reservation.keep({});
      ++count;
    }
    return count;
  }
};

TEST(Ledger, HoldsEveryWindow) {
  Bench bench;
  const auto cap = rule({rolling(10, 1s, 50), rolling(100, 60s, 100), daily(120)});
  EXPECT_EQ(bench.deliver(cap), 50);
  bench.now += 10s;
  EXPECT_EQ(bench.deliver(cap), 50);
  bench.now += 60min;
  EXPECT_EQ(bench.deliver(cap), 20) << "the day has 120";
  EXPECT_EQ(bench.deliver(cap, "other"), 50) << "a count of its own";
}

TEST(Ledger, CountsCalendarDaysOfUtc) {
  Bench bench;
  const auto cap = rule({daily(3)});
  EXPECT_EQ(bench.deliver(cap), 3);
  const auto refused = bench.charge(cap);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry_after, 20h + 55min + 55s);
  bench.now += 20h + 55min + 54s;
  EXPECT_EQ(bench.deliver(cap), 0);
  bench.now += 1s;
  EXPECT_EQ(bench.deliver(cap), 3);
}

TEST(Ledger, TakesAllOrNothing) {
  Bench bench;
  const auto wide = rule({rolling(10, 60s, 10)});
  config::LimitRule narrow = rule({rolling(1, 60s, 1)});
  narrow.name = "narrow";
  const std::vector<Meter> both = {{&wide, "app", {}}, {&narrow, "app", {}}};
  auto first = bench.ledger.charge(both);
  ASSERT_TRUE(first);
  const auto second = bench.ledger.charge(both);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().limit, "narrow");
  first->reservation.keep({});
  EXPECT_EQ(bench.deliver(wide), 9);
}

TEST(Ledger, GivesBackWhatIsNotKept) {
  Bench bench;
  const auto cap = rule({rolling(2, 60s, 2), daily(2)});
  {
    const auto one = bench.charge(cap);
    const auto two = bench.charge(cap);
    ASSERT_TRUE(one && two);
    EXPECT_FALSE(bench.charge(cap)) << "what is under way is taken";
  }
  EXPECT_EQ(bench.deliver(cap), 2);
}

TEST(Ledger, KeepsAPart) {
  Bench bench;
  config::LimitRule cap{.name = "cap", .recipients = {rolling(5, 60s, 5)}};
  auto charged = bench.charge(cap, "app", {.messages = 1, .recipients = 5});
  ASSERT_TRUE(charged);
  charged->reservation.keep({.messages = 1, .recipients = 2});
  EXPECT_FALSE(bench.charge(cap, "app", {.messages = 1, .recipients = 4}));
  EXPECT_TRUE(bench.charge(cap, "app", {.messages = 1, .recipients = 3}));
}

TEST(Ledger, CountsAttempts) {
  Bench bench;
  config::LimitRule cap = rule({rolling(2, 60s, 2)});
  cap.attempted = true;
  EXPECT_TRUE(bench.charge(cap));
  EXPECT_TRUE(bench.charge(cap));
  EXPECT_FALSE(bench.charge(cap));
}

TEST(Ledger, ObservesWithoutRefusing) {
  Bench bench;
  config::LimitRule cap = rule({rolling(1, 60s, 1)});
  cap.observe = true;
  auto first = bench.charge(cap);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->observed.empty());
  first->reservation.keep({});
  const auto second = bench.charge(cap);
  ASSERT_TRUE(second);
  ASSERT_EQ(second->observed.size(), 1u);
  EXPECT_EQ(second->observed[0].limit, "cap");
  const Meter meter{.rule = &cap, .subject = "app", .charge = {}};
  EXPECT_TRUE(bench.ledger.peek({&meter, 1}));
}

TEST(Ledger, SaysWhatNeverFits) {
  Bench bench;
  config::LimitRule cap{.name = "cap", .recipients = {rolling(5, 60s, 5)}};
  const auto charged = bench.charge(cap, "app", {.messages = 1, .recipients = 6});
  ASSERT_FALSE(charged);
  EXPECT_TRUE(charged.error().permanent);
  EXPECT_EQ(reply_for(charged.error()).one_line(),
            "550 5.7.1 limit cap: 5 recipients at a time for app, not 6: split the message");
}

TEST(Ledger, SaysWhenToComeBack) {
  Bench bench;
  const auto cap = rule({rolling(5, 60s, 5)});
  bench.deliver(cap);
  const auto charged = bench.charge(cap);
  ASSERT_FALSE(charged);
  EXPECT_EQ(reply_for(charged.error()).one_line(),
            "450 4.7.1 limit cap: 5 messages per minute used up for app: try again in 12 s");
  EXPECT_EQ(reply_to_recipient(charged.error()).one_line().substr(0, 9), "452 4.5.3");
}

TEST(Ledger, SurvivesAClockThatIsPutBack) {
  Bench bench;
  const auto cap = rule({rolling(5, 60s, 5), daily(8)});
  EXPECT_EQ(bench.deliver(cap), 5);
  bench.now -= 48h;
  EXPECT_EQ(bench.deliver(cap), 0);
  bench.now += 60s;
  EXPECT_EQ(bench.deliver(cap), 0) << "the day that was is not over";
}

TEST(Ledger, FollowsAChangedRuleAndKeepsTheSameWindows) {
  Bench bench;
  EXPECT_EQ(bench.deliver(rule({rolling(5, 60s, 5), daily(8)})), 5);
  EXPECT_EQ(bench.deliver(rule({rolling(50, 60s, 50), daily(8)})), 3);
}

TEST(Ledger, ForgetsWhoHasNothing) {
  Bench bench;
  const auto cap = rule({rolling(5, 60s, 5)});
  for (int i = 0; i < 100'000; ++i) {
    auto charged = bench.charge(cap, std::to_string(i));
    ASSERT_TRUE(charged);
    charged->reservation.keep({});
    bench.now += 1s;
  }
  EXPECT_LT(bench.ledger.size(), 2100u);
}

TEST(Ledger, TellsAndResetsStandings) {
  Bench bench;
  const auto cap = rule({rolling(5, 60s, 5)});
  bench.deliver(cap);
  const auto standings = bench.ledger.standings();
  ASSERT_EQ(standings.size(), 1u);
  EXPECT_EQ(standings[0].subject, "app");
  EXPECT_EQ(standings[0].used, 5u);
  EXPECT_EQ(standings[0].full_again, 60s);
  EXPECT_EQ(bench.ledger.reset("cap", "app"), 1u);
  EXPECT_EQ(bench.ledger.reset("", "nobody"), 0u);
  EXPECT_EQ(bench.deliver(cap), 5);
}

/// A leaky bucket in plain arithmetic, beside units that are reserved.
struct Model {
  double amount;
  double period;
  double burst;
  double level = 0;
  double reserved = 0;

  void pass(double seconds) { level = std::max(0.0, level - seconds * amount / period); }
  bool has_room(double units) const { return level + reserved + units <= burst + 1e-3; }
  bool lacks_room(double units) const { return level + reserved + units >= burst - 1e-3; }
};

/// Random charges of random windows, some kept, some given back, some in part. A crash between
/// reserve and keep is a reservation that dies.
TEST(Ledger, AgreesWithAPlainModel) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](std::uint64_t most) {
      return std::uniform_int_distribution<std::uint64_t>(1, most)(random);
    };
    constexpr std::chrono::seconds kPeriods[] = {1s, 60s, 3600s};
    Bench bench;
    std::vector<config::Window> windows;
    std::vector<Model> models;
    for (std::uint64_t i = up_to(3); i > 0; --i) {
      const auto period = kPeriods[up_to(3) - 1];
      windows.push_back(rolling(up_to(40), period, up_to(60)));
      const config::Rate& rate = windows.back().rate;
      models.push_back({static_cast<double>(rate.amount), static_cast<double>(period.count()),
                        static_cast<double>(rate.burst)});
    }
    const config::LimitRule cap{.name = "cap", .recipients = windows};
    std::vector<std::pair<Reservation, std::uint64_t>> open;
    for (int step = 0; step < 400; ++step) {
      const auto span = std::chrono::milliseconds(up_to(2000));
      bench.now += span;
      for (Model& model : models) model.pass(static_cast<double>(span.count()) / 1000);
      if (!open.empty() && up_to(2) == 1) {
        auto [reservation, units] = std::move(open.back());
        open.pop_back();
        const std::uint64_t kept = up_to(3) == 1 ? 0 : up_to(units);
        if (kept > 0) reservation.keep({.messages = 1, .recipients = kept});
        for (Model& model : models) {
          model.reserved -= static_cast<double>(units);
          model.level += static_cast<double>(kept);
        }
        continue;
      }
      const std::uint64_t units = up_to(12);
      auto charged = bench.charge(cap, "app", {.messages = 1, .recipients = units});
      const auto asked = static_cast<double>(units);
      if (!charged) {
        ASSERT_TRUE(std::ranges::any_of(models, [&](auto& m) { return m.lacks_room(asked); }));
        continue;
      }
      for (Model& model : models) {
        ASSERT_TRUE(model.has_room(asked)) << "over, with seed " << seed;
        model.reserved += asked;
      }
      open.emplace_back(std::move(charged->reservation), units);
    }
    open.clear();
    bench.now += 60 * 3600s;
    EXPECT_TRUE(bench.ledger.standings().empty()) << "leaked, with seed " << seed;
  }
}

TEST(Ledger, IsExactAcrossThreads) {
  Bench bench;
  const auto cap = rule({rolling(500, 3600s, 500)});
  std::atomic<int> delivered = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 1000; ++n) {
        auto charged = bench.charge(cap);
        if (!charged || (n + i) % 3 == 0) continue;
        charged->reservation.keep({});
        ++delivered;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  delivered += bench.deliver(cap);
  EXPECT_EQ(delivered, 500);
}

}  // namespace
}  // namespace sallyport::policy
