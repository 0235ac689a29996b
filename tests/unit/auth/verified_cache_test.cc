#include "auth/verified_cache.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sallyport::auth {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNoon{12h};

CredentialsMac mac_of(const VerifiedCache& cache, const std::string& name) {
  return cache.mac(name, "hash", Secret("password"));
}

TEST(VerifiedCache, RemembersForOneLifetimeFromTheVerification) {
  VerifiedCache cache(100, 5min);
  const CredentialsMac mac = mac_of(cache, "billing");
  EXPECT_FALSE(cache.contains(mac, kNoon));
  cache.insert(mac, kNoon);
  EXPECT_TRUE(cache.contains(mac, kNoon));
  EXPECT_TRUE(cache.contains(mac, kNoon + 5min - 1ns));
  EXPECT_FALSE(cache.contains(mac, kNoon + 5min)) << "asking must not have prolonged it";

  cache.insert(mac, kNoon + 6min);
  EXPECT_TRUE(cache.contains(mac, kNoon + 10min));
  EXPECT_EQ(cache.size(), 1u);
}

TEST(VerifiedCache, TheMacCoversNameHashAndPassword) {
  const VerifiedCache cache(100, 5min);
  const CredentialsMac mac = cache.mac("name", "hash", Secret("password"));
  EXPECT_EQ(cache.mac("name", "hash", Secret("password")), mac);
  EXPECT_NE(cache.mac("Name", "hash", Secret("password")), mac);
  EXPECT_NE(cache.mac("name", "Hash", Secret("password")), mac);
  EXPECT_NE(cache.mac("name", "hash", Secret("Password")), mac);
  // What is one's end is not another's beginning.
  EXPECT_NE(cache.mac("nameh", "ash", Secret("password")), mac);
  EXPECT_NE(cache.mac("name", "hashp", Secret("assword")), mac);
}

TEST(VerifiedCache, EveryProcessHasItsOwnKey) {
  EXPECT_NE(mac_of(VerifiedCache(1, 1s), "billing"), mac_of(VerifiedCache(1, 1s), "billing"));
}

TEST(VerifiedCache, WithoutLifetimeNothingIsKept) {
  VerifiedCache cache(100, 0s);
  cache.insert(mac_of(cache, "billing"), kNoon);
  EXPECT_FALSE(cache.contains(mac_of(cache, "billing"), kNoon));
  EXPECT_EQ(cache.size(), 0u);
}

TEST(VerifiedCache, ANewLifetimeHoldsForWhatIsThere) {
  VerifiedCache cache(100, 5min);
  const CredentialsMac mac = mac_of(cache, "billing");
  cache.insert(mac, kNoon);
  cache.set_lifetime(1min);
  EXPECT_TRUE(cache.contains(mac, kNoon + 59s));
  EXPECT_FALSE(cache.contains(mac, kNoon + 1min));
  cache.set_lifetime(0s);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(VerifiedCache, NeverHoldsMoreThanItsMost) {
  constexpr std::size_t kMost = 160;
  VerifiedCache cache(kMost, 5min);
  for (int i = 0; i < 10'000; ++i) {
    cache.insert(mac_of(cache, std::to_string(i)), kNoon + std::chrono::microseconds(i));
  }
  EXPECT_LE(cache.size(), kMost);
  EXPECT_TRUE(cache.contains(mac_of(cache, "9999"), kNoon + 1s))
      << "the oldest goes, not the newest";
  EXPECT_FALSE(cache.contains(mac_of(cache, "0"), kNoon + 1s));
}

TEST(VerifiedCache, ExpiredEntriesMakeRoom) {
  VerifiedCache cache(100'000, 5min);
  for (int i = 0; i < 1000; ++i) cache.insert(mac_of(cache, std::to_string(i)), kNoon);
  EXPECT_EQ(cache.size(), 1000u);
  for (int i = 0; i < 1000; ++i)
    cache.insert(mac_of(cache, "new" + std::to_string(i)), kNoon + 5min);
  EXPECT_EQ(cache.size(), 1000u);
}

TEST(VerifiedCache, IsThreadSafe) {
  VerifiedCache cache(64, 5min);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache] {
      for (int i = 0; i < 2000; ++i) {
        const CredentialsMac mac = mac_of(cache, std::to_string(i % 100));
        cache.insert(mac, kNoon);
        (void)cache.contains(mac, kNoon);
        if (i % 500 == 0) cache.set_lifetime(std::chrono::seconds(1 + i));
      }
    });
  }
  threads.clear();
  EXPECT_LE(cache.size(), 64u);
}

}  // namespace
}  // namespace sallyport::auth
