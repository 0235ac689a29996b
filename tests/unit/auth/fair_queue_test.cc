#include "auth/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::auth {
namespace {

using testing::ElementsAre;

using Queue = FairQueue<std::string>;

std::vector<std::string> drain(Queue& queue) {
  std::vector<std::string> items;
  while (auto item = queue.pop()) items.push_back(std::move(*item));
  EXPECT_EQ(queue.size(), 0u);
  return items;
}

/// "in", "refused", or who had to go.
std::string push(Queue& queue, std::uint64_t network, const std::string& item) {
  const auto admission = queue.push(network, item);
  if (admission.displaced) return *admission.displaced;
  return admission.admitted ? "in" : "refused";
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
  EXPECT_TRUE(queue.move("a3", 1, 2));
  EXPECT_FALSE(queue.move("a2", 1, 2)) << "that line is not shorter";
  EXPECT_FALSE(queue.move("a2", 1, 1));
  EXPECT_FALSE(queue.move("a9", 1, 3)) << "nobody waits for it";
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_THAT(drain(queue), ElementsAre("a1", "a3", "a2"));
}

TEST(FairQueue, WithoutPlacesTakesNothing) {
  Queue queue(0);
  EXPECT_EQ(push(queue, 1, "a"), "refused");
  EXPECT_EQ(queue.pop(), std::nullopt);
}

}  // namespace
}  // namespace sallyport::auth
