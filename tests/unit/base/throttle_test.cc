#include "proxy/base/throttle.h"

#include <gtest/gtest.h>

namespace sallyport {
namespace {

using namespace std::chrono_literals;

TEST(Throttle, PassesSoManyAnIntervalAndCountsTheRest) {
  Throttle throttle(2, 10s);
  const TimePoint start{};
  EXPECT_EQ(throttle.pass(start), 0u);
  EXPECT_EQ(throttle.pass(start + 1s), 0u);
  EXPECT_EQ(throttle.pass(start + 2s), std::nullopt);
  EXPECT_EQ(throttle.pass(start + 9999ms), std::nullopt);
  EXPECT_EQ(throttle.pass(start + 10s), 2u);
  EXPECT_EQ(throttle.pass(start + 11s), 0u);
  EXPECT_EQ(throttle.pass(start + 12s), std::nullopt);
  EXPECT_EQ(throttle.pass(start + 1h), 1u);
}

TEST(Throttle, StaysBoundedInAFlood) {
  Throttle throttle(10, 10s);
  std::uint64_t passed = 0;
  std::uint64_t told = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (const auto silent = throttle.pass(TimePoint(i * 1ms))) {
      ++passed;
      told += *silent;
    }
  }
  EXPECT_EQ(passed, 100u);                  // of 100 s
  EXPECT_EQ(told, 100'000 - 9'990 - 100u);  // those after the last line are not told yet
}

}  // namespace
}  // namespace sallyport
