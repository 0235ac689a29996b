#include "auth/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace sallyport::auth {
namespace {

using testing::ElementsAre;

/// A queue with so many places.
struct Queue : FairQueue<std::string> {
  explicit Queue(std::size_t places) : most(places) {}
  const std::size_t most;
};

/// Of a stranger, alone in its networks of every level.
Place at(std::uint64_t network) { return {.path = {network, network, network}}; }

std::vector<std::string> drain(Queue& queue) {
  std::vector<std::string> items;
  while (auto item = queue.pop()) items.push_back(std::move(*item));
  EXPECT_EQ(queue.size(), 0u);
  return items;
}

/// "in", "refused", or who had to go.
std::string push(Queue& queue, const Place& place, const std::string& item) {
  const auto admission = queue.push(place, item, queue.most);
  if (admission.displaced) return *admission.displaced;
  return admission.admitted ? "in" : "refused";
}

std::string push(Queue& queue, std::uint64_t network, const std::string& item) {
  return push(queue, at(network), item);
}

TEST(FairQueue, OfOneNetworkIsFirstComeFirstServed) {
  Queue queue(3);
  for (const char* item : {"a", "b", "c"}) EXPECT_EQ(push(queue, 1, item), "in");
  EXPECT_EQ(push(queue, 1, "d"), "refused");
  EXPECT_THAT(drain(queue), ElementsAre("a", "b", "c"));
}

TEST(FairQueue, NetworksTakeTurns) {
  Queue queue(10);
  for (const char* item : {"a1", "a2", "a3", "a4"}) push(queue, 1, item);
  for (const char* item : {"b1", "b2"}) push(queue, 2, item);
  push(queue, 3, "c1");
  EXPECT_THAT(drain(queue), ElementsAre("a1", "b1", "c1", "a2", "b2", "a3", "a4"));
}

TEST(FairQueue, WhoComesAgainIsBehindThoseWhoWait) {
  Queue queue(10);
  push(queue, 1, "a1");
  push(queue, 2, "b1");
  EXPECT_EQ(queue.pop(), "a1");
  push(queue, 1, "a2");
  EXPECT_THAT(drain(queue), ElementsAre("b1", "a2"));
}

TEST(FairQueue, TheLastOfTheLongestLineGivesItsPlace) {
  Queue queue(4);
  for (const char* item : {"a1", "a2", "a3", "a4"}) push(queue, 1, item);
  EXPECT_EQ(push(queue, 2, "b1"), "a4");
  EXPECT_EQ(push(queue, 2, "b2"), "a3");
  EXPECT_EQ(push(queue, 2, "b3"), "refused") << "both have as many now";
  EXPECT_EQ(push(queue, 3, "c1"), "a2");
  EXPECT_EQ(push(queue, 1, "a5"), "refused");
  EXPECT_EQ(push(queue, 4, "d1"), "b2");
  EXPECT_EQ(push(queue, 5, "e1"), "refused") << "there are as many networks as places";
  EXPECT_EQ(queue.size(), 4u);
  EXPECT_THAT(drain(queue), ElementsAre("a1", "b1", "c1", "d1"));
}

TEST(FairQueue, MovesWhatAnotherNetworkAsksForToo) {
  Queue queue(10);
  for (const char* item : {"a1", "a2", "a3"}) push(queue, 1, item);
  EXPECT_TRUE(queue.move("a3", at(1), at(2)));
  EXPECT_FALSE(queue.move("a2", at(1), at(2))) << "that line is not shorter";
  EXPECT_FALSE(queue.move("a2", at(1), at(1)));
  EXPECT_FALSE(queue.move("a9", at(1), at(3))) << "nobody waits for it";
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_THAT(drain(queue), ElementsAre("a1", "a3", "a2"));
}

TEST(FairQueue, WithoutPlacesTakesNothing) {
  Queue queue(0);
  EXPECT_EQ(push(queue, 1, "a"), "refused");
  EXPECT_EQ(queue.pop(), std::nullopt);
}

// One /24 with three addresses has one turn where two /24 wait.
TEST(FairQueue, TheWidestNetworksTakeTurnsFirst) {
  Queue queue(10);
  for (std::uint64_t host = 1; host <= 3; ++host) {
    push(queue, Place{.path = {100, host, host}}, "a" + std::to_string(host));
    push(queue, Place{.path = {100, host, host}}, "A" + std::to_string(host));
  }
  push(queue, Place{.path = {200, 9, 9}}, "b1");
  push(queue, Place{.path = {200, 9, 9}}, "b2");
  EXPECT_THAT(drain(queue), ElementsAre("a1", "b1", "a2", "b2", "a3", "A1", "A2", "A3"));
}

TEST(FairQueue, TheLongestLineIsThatOfTheWidestNetwork) {
  Queue queue(4);
  for (std::uint64_t host = 1; host <= 3; ++host) {
    push(queue, Place{.path = {100, host, host}}, "a" + std::to_string(host));
  }
  push(queue, Place{.path = {200, 9, 9}}, "b1");
  // Each address has one, but three are of one network.
  EXPECT_EQ(push(queue, Place{.path = {300, 7, 7}}, "c1"), "a1");
  EXPECT_EQ(push(queue, Place{.path = {100, 4, 4}}, "a4"), "refused");
  EXPECT_THAT(drain(queue), ElementsAre("a2", "b1", "c1", "a3"));
}

TEST(FairQueue, WithinTheLongestNetworkTheLongestLineGivesItsPlace) {
  Queue queue(4);
  for (const char* item : {"x1", "x2", "x3"}) push(queue, Place{.path = {100, 1, 1}}, item);
  push(queue, Place{.path = {100, 2, 2}}, "y1");
  EXPECT_EQ(push(queue, Place{.path = {100, 3, 3}}, "z1"), "x3");
  EXPECT_EQ(push(queue, Place{.path = {100, 1, 1}}, "x4"), "refused");
  EXPECT_THAT(drain(queue), ElementsAre("x1", "y1", "z1", "x2"));
}

Place known(std::uint64_t network) {
  return {.path = {network, network, network}, .standing = Standing::kKnown};
}
Place nearby(std::uint64_t network) {
  return {.path = {network, network, network}, .standing = Standing::kNearby};
}

TEST(FairQueue, KnownNetworksHaveMostOfTheTurnsAndStrangersSome) {
  Queue queue(100);
  for (std::uint64_t i = 1; i <= 16; ++i) {
    push(queue, known(i), "k");
    push(queue, nearby(i), "n");
    push(queue, at(i), "s");
  }
  std::string order;
  for (int i = 0; i < 16; ++i) order += queue.pop().value();
  EXPECT_EQ(std::ranges::count(order, 'k'), 10) << order;
  EXPECT_EQ(std::ranges::count(order, 'n'), 4) << order;
  EXPECT_EQ(std::ranges::count(order, 's'), 2) << order;
  EXPECT_EQ(order.front(), 'k');
}

TEST(FairQueue, StrangersHaveEveryTurnThatIsLeft) {
  Queue queue(10);
  for (const char* item : {"s1", "s2", "s3"}) push(queue, 1, item);
  EXPECT_THAT(drain(queue), ElementsAre("s1", "s2", "s3"));
}

TEST(FairQueue, KnownNetworksHavePlacesThatStrangersCannotKeep) {
  Queue queue(8);
  for (std::uint64_t i = 1; i <= 8; ++i) push(queue, i, "s");
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(push(queue, known(i), "k"), "s") << i;
  EXPECT_EQ(push(queue, known(6), "k"), "refused") << "they have their share";
  EXPECT_EQ(push(queue, nearby(1), "n"), "s");
  EXPECT_EQ(push(queue, nearby(2), "n"), "s");
  EXPECT_EQ(push(queue, nearby(3), "n"), "refused");
  EXPECT_EQ(push(queue, 9, "s"), "refused");
  EXPECT_EQ(queue.size(), 8u);
}

TEST(FairQueue, StrangersHavePlacesThatKnownNetworksCannotKeep) {
  Queue queue(8);
  for (std::uint64_t i = 1; i <= 8; ++i) EXPECT_EQ(push(queue, known(i), "k"), "in");
  EXPECT_EQ(push(queue, 1, "s"), "k");
  EXPECT_EQ(push(queue, 2, "s"), "refused");
}

TEST(FairQueue, GivesUpWhatWaitsForTooLong) {
  Queue queue(10);
  for (const char* item : {"a1", "a2"}) push(queue, 1, item);
  push(queue, 2, "b1");
  EXPECT_TRUE(queue.remove("a1", at(1)));
  EXPECT_FALSE(queue.remove("a1", at(1)));
  EXPECT_FALSE(queue.remove("b1", at(3)));
  EXPECT_TRUE(queue.remove("b1", at(2)));
  EXPECT_THAT(drain(queue), ElementsAre("a2"));
}

// Random use: the sizes of all levels stay true.
TEST(FairQueue, LosesNothing) {
  std::mt19937_64 random(1125);
  const auto up_to = [&](std::uint64_t most) { return random() % most; };
  Queue queue(40);
  std::map<std::string, Place> waiting;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t host = up_to(30);
    const Place place{.path = {host / 10, host / 3, host},
                      .standing = static_cast<Standing>(up_to(3))};
    if (up_to(3) > 0) {
      const std::string item = std::to_string(i);
      const std::string told = push(queue, place, item);
      if (told != "refused") waiting[item] = place;
      if (told != "refused" && told != "in") {
        EXPECT_EQ(waiting.erase(told), 1u);
      }
    } else if (up_to(2) == 0 && !waiting.empty()) {
      const auto one = std::next(waiting.begin(), static_cast<long>(up_to(waiting.size())));
      if (up_to(2) == 0) {
        if (queue.move(one->first, one->second, place)) one->second = place;
      } else {
        EXPECT_TRUE(queue.remove(one->first, one->second));
        waiting.erase(one);
      }
    } else if (const auto item = queue.pop()) {
      EXPECT_EQ(waiting.erase(*item), 1u);
    }
    ASSERT_EQ(queue.size(), waiting.size());
    ASSERT_LE(queue.size(), 40u);
  }
  EXPECT_EQ(drain(queue).size(), waiting.size());
}

}  // namespace
}  // namespace sallyport::auth
