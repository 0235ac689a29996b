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

TEST(MemoryRelease, DoesNotDoItAgainAndAgain) {
  MemoryRelease memory;
  EXPECT_FALSE(memory.is_due(kStart, {.resident = 20 * kMiB}));
  EXPECT_TRUE(memory.is_due(kStart + 10s, {.resident = 60 * kMiB}));
  memory.trimmed(kStart + 10s, 40 * kMiB);
  EXPECT_FALSE(memory.is_due(kStart + 11s, {.resident = 60 * kMiB}));  // too soon
  EXPECT_TRUE(memory.is_due(kStart + 40s, {.resident = 60 * kMiB}));
  memory.trimmed(kStart + 40s, 58 * kMiB);  // all of it is in use
  EXPECT_FALSE(memory.is_due(kStart + 90s, {.resident = 60 * kMiB}));
}

TEST(Memory, KnowsWhatIsResident) { EXPECT_GT(resident_memory(), kMiB); }

}  // namespace
}  // namespace sallyport::server
