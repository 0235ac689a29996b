#include "proxy/server/staple_renewal.h"

#include <gtest/gtest.h>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kEnd{1'000'000s};

int times_due(StapleRenewal& renewal, WallTime from, std::chrono::seconds span, WallTime end) {
  int times = 0;
  for (auto passed = 0s; passed < span; passed += 1s) times += renewal.is_due(from + passed, end);
  return times;
}

TEST(StapleRenewal, AtTheEndOfAResponseAndThenLessAndLessOften) {
  StapleRenewal renewal;
  EXPECT_EQ(times_due(renewal, kEnd - 1h, 1h, kEnd), 0);
  EXPECT_EQ(times_due(renewal, kEnd, 1min, kEnd), 1);
  EXPECT_EQ(times_due(renewal, kEnd + 1min, 24h, kEnd), 28);
}

TEST(StapleRenewal, AtOnceForAnotherEnd) {
  StapleRenewal renewal;
  EXPECT_EQ(times_due(renewal, kEnd, 10h, kEnd), 15);
  EXPECT_EQ(times_due(renewal, kEnd + 10h, 1h, kEnd + 11h), 0);
  EXPECT_EQ(times_due(renewal, kEnd + 11h, 1min, kEnd + 11h), 1);
}

TEST(StapleRenewal, NeverWithoutAResponse) {
  StapleRenewal renewal;
  EXPECT_EQ(times_due(renewal, kEnd, 1h, WallTime::max()), 0);
}

}  // namespace
}  // namespace sallyport::server
