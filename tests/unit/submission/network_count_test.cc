#include "proxy/submission/network_count.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace sallyport::submission {
namespace {

using Slot = NetworkCount::Slot;

IpAddress ip(const std::string& text) { return IpAddress::parse(text).value(); }

TEST(NetworkCount, CountsTheNetworkOfAnAddress) {
  NetworkCount networks;
  const auto first = networks.take(ip("2001:db8:1:2::1"), 1, 1);
  EXPECT_TRUE(first);
  EXPECT_FALSE(networks.take(ip("2001:db8:1:2:ffff::9"), 1, 1));
  EXPECT_TRUE(networks.take(ip("2001:db8:1:3::1"), 1, 1));
}

TEST(NetworkCount, BoundsThoseThatHaveNotLoggedInMoreTightly) {
  NetworkCount networks;
  auto first = networks.take(ip("192.0.2.1"), 3, 1);
  ASSERT_TRUE(first);
  EXPECT_FALSE(networks.take(ip("192.0.2.1"), 3, 1));
  first->authenticate();
  auto second = networks.take(ip("192.0.2.1"), 3, 1);
  ASSERT_TRUE(second);
  EXPECT_FALSE(networks.take(ip("192.0.2.1"), 3, 1));
  second->authenticate();
  auto third = networks.take(ip("192.0.2.1"), 3, 1);
  ASSERT_TRUE(third);
  third->authenticate();
  EXPECT_FALSE(networks.take(ip("192.0.2.1"), 3, 1));  // three are all it may have
  third.reset();
  EXPECT_TRUE(networks.take(ip("192.0.2.1"), 3, 1));
  first.reset();
  second.reset();
  EXPECT_EQ(networks.size(), 0u);
}

TEST(NetworkCount, ForgetsANetworkWithItsLastConnection) {
  NetworkCount networks;
  std::vector<Slot> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(*networks.take(ip("192.0.2.1"), 3, 3));
  EXPECT_FALSE(networks.take(ip("192.0.2.1"), 3, 3));
  EXPECT_EQ(networks.size(), 1u);
  slots.pop_back();
  EXPECT_TRUE(networks.take(ip("192.0.2.1"), 3, 3));
  slots.clear();
  EXPECT_EQ(networks.size(), 0u);
}

TEST(NetworkCount, ASlotThatMovesCountsOnce) {
  NetworkCount networks;
  {
    Slot slot = *networks.take(ip("2001:db8::1"), 1, 1);
    Slot moved = std::move(slot);
    EXPECT_FALSE(networks.take(ip("2001:db8::1"), 1, 1));
    Slot other;
    other = std::move(moved);
    EXPECT_FALSE(networks.take(ip("2001:db8::1"), 1, 1));
  }
  EXPECT_EQ(networks.size(), 0u);
}

TEST(NetworkCount, LeavesLoopbackAlone) {
  NetworkCount networks;
  std::vector<Slot> slots;
  for (const auto* text : {"127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"}) {
    auto slot = networks.take(ip(text), 1, 1);
    ASSERT_TRUE(slot);
    slots.push_back(std::move(*slot));
  }
  EXPECT_EQ(networks.size(), 0u);
}

TEST(NetworkCount, LosesNothingWhileManyThreadsTakeAndGiveBack) {
  NetworkCount networks;
  constexpr std::uint32_t kMost = 50;
  std::vector<std::vector<Slot>> kept(4);
  {
    std::vector<std::jthread> threads;
    threads.reserve(kept.size());
    for (auto& slots : kept) {
      threads.emplace_back([&networks, &slots] {
        for (int i = 0; i < 2000; ++i) {
          const auto passing =
              networks.take(ip("198.51.100." + std::to_string(i % 100)), kMost, kMost);
          if (auto slot = networks.take(ip("192.0.2.1"), kMost, kMost))
            slots.push_back(std::move(*slot));
        }
      });
    }
  }
  std::size_t taken = 0;
  for (const auto& slots : kept) taken += slots.size();
  EXPECT_EQ(taken, kMost);
  EXPECT_EQ(networks.size(), 1u);
  kept.clear();
  EXPECT_EQ(networks.size(), 0u);
}

}  // namespace
}  // namespace sallyport::submission
