#include "metrics/cells.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sallyport::metrics {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Counter, LosesNothingWhenManyThreadsCount) {
  Counter counter;
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counter] {
      for (int n = 0; n < 10'000; ++n) counter.add();
    });
  }
  threads.clear();
  EXPECT_EQ(counter.value(), 40'000u);
}

TEST(Gauge, AHoldCountsForAsLongAsItLives) {
  Gauge gauge;
  {
    auto first = gauge.hold();
    Gauge::Hold moved = std::move(first);
    EXPECT_EQ(gauge.value(), 1);
    const auto second = gauge.hold();
    EXPECT_EQ(gauge.value(), 2);
    moved = Gauge::Hold();
    EXPECT_EQ(gauge.value(), 1);
  }
  EXPECT_EQ(gauge.value(), 0);
}

TEST(Histogram, ABoundBelongsToTheBucketBelowIt) {
  struct Case {
    Duration took;
    std::size_t bucket;
  };
  const Case cases[] = {
      {seconds(-1), 0},
      {milliseconds(0), 0},
      {milliseconds(5), 0},
      {milliseconds(6), 1},
      {milliseconds(300), 6},
      {seconds(300), Histogram::kBounds.size() - 1},
      {seconds(301), Histogram::kBounds.size()},
  };
  for (const auto& [took, bucket] : cases) {
    Histogram histogram;
    histogram.observe(took);
    EXPECT_EQ(histogram.in_bucket(bucket), 1u) << took.count() << " ns";
  }
}

TEST(Histogram, SumsInSeconds) {
  Histogram histogram;
  histogram.observe(milliseconds(250));
  histogram.observe(seconds(2));
  EXPECT_DOUBLE_EQ(histogram.seconds(), 2.25);
}

}  // namespace
}  // namespace sallyport::metrics
