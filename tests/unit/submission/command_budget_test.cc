#include "proxy/submission/command_budget.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::submission {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

TEST(CommandBudget, IsUsedUpByAFlood) {
  CommandBudget budget(3);
  EXPECT_FALSE(budget.was_used());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.spend(kStart));
  EXPECT_TRUE(budget.was_used());
  EXPECT_FALSE(budget.spend(kStart + 24h));
  budget.restore();
  EXPECT_TRUE(budget.spend(kStart + 24h));
}

TEST(CommandBudget, OneComesBackEachInterval) {
  CommandBudget budget(2, 1s);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(budget.spend(kStart + i * 1s));
  EXPECT_TRUE(budget.spend(kStart + 999s));
  EXPECT_FALSE(budget.spend(kStart + 999s));
  EXPECT_FALSE(budget.spend(kStart + 999s + 900ms));
  EXPECT_TRUE(budget.spend(kStart + 1000s));
  EXPECT_FALSE(budget.spend(kStart + 1000s));
}

TEST(CommandBudget, IsNeverFullerThanAtFirst) {
  CommandBudget budget(2, 1s);
  EXPECT_TRUE(budget.spend(kStart));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(budget.spend(kStart + 24h));
  EXPECT_FALSE(budget.spend(kStart + 24h));
}

}  // namespace
}  // namespace sallyport::submission
