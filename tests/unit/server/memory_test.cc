#include "proxy/server/memory.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};
constexpr std::uint64_t kMiB = 1024 * 1024;

TEST(MemoryRelease, WaitsForTheEndOfABurst) {
  MemoryRelease memory;
  EXPECT_FALSE(memory.is_due(kStart, {.resident = 20 * kMiB}));
  EXPECT_FALSE(memory.is_due(kStart + 1s, {.resident = 150 * kMiB, .content = 100 * kMiB}));
  EXPECT_FALSE(memory.is_due(kStart + 2s, {.resident = 150 * kMiB}));
  EXPECT_TRUE(memory.is_due(kStart + 6s, {.resident = 150 * kMiB}));
  memory.trimmed(kStart + 6s, 21 * kMiB);
  EXPECT_FALSE(memory.is_due(kStart + 60s, {.resident = 21 * kMiB}));
}

TEST(MemoryRelease, FollowsConnectionsThatHaveGone) {
  MemoryRelease memory;
  EXPECT_FALSE(memory.is_due(kStart, {.resident = 20 * kMiB, .connections = 1000}));
  EXPECT_FALSE(memory.is_due(kStart + 10s, {.resident = 20 * kMiB, .connections = 900}));
  EXPECT_TRUE(memory.is_due(kStart + 20s, {.resident = 20 * kMiB, .connections = 100}));
}

TEST(MemoryRelease, RepeatsATrimThatCameTooEarly) {
  MemoryRelease memory;
  EXPECT_FALSE(memory.is_due(kStart, {.resident = 20 * kMiB}));
  EXPECT_TRUE(memory.is_due(kStart + 10s, {.resident = 60 * kMiB}));
  memory.trimmed(kStart + 10s, 60 * kMiB);  // freed a moment later
  EXPECT_FALSE(memory.is_due(kStart + 39s, {.resident = 60 * kMiB}));
  EXPECT_TRUE(memory.is_due(kStart + 40s, {.resident = 60 * kMiB}));
  memory.trimmed(kStart + 40s, 22 * kMiB);
  EXPECT_FALSE(memory.is_due(kStart + 90s, {.resident = 22 * kMiB}));
}

TEST(MemoryRelease, DoesItLessAndLessOftenWhereAllOfItIsInUse) {
  MemoryRelease memory;
  EXPECT_FALSE(memory.is_due(kStart, {.resident = 20 * kMiB}));
  TimePoint now = kStart + 10s;
  int trims = 0;
  for (; now < kStart + 1h; now += 1s) {
    if (!memory.is_due(now, {.resident = 60 * kMiB})) continue;
    memory.trimmed(now, 60 * kMiB);
    ++trims;
  }
  EXPECT_LT(trims, 15);
  // After the next burst it is soon given back, whatever was tried before.
  EXPECT_FALSE(memory.is_due(now, {.resident = 90 * kMiB, .content = 50 * kMiB}));
  int seconds = 0;
  while (!memory.is_due(now + std::chrono::seconds(seconds), {.resident = 90 * kMiB})) ++seconds;
  EXPECT_LE(seconds, 30);
}

TEST(Memory, KnowsWhatIsResident) { EXPECT_GT(resident_memory(), kMiB); }

}  // namespace
}  // namespace sallyport::server
