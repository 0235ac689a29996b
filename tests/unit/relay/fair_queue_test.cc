#include "proxy/relay/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::relay {
namespace {

using testing::ElementsAre;

std::vector<std::string> all(FairQueue<std::string>& queue) {
  std::vector<std::string> taken;
  while (!queue.empty()) taken.push_back(queue.take());
  return taken;
}

TEST(FairQueue, UsersTakeTurns) {
  FairQueue<std::string> queue;
  for (const char* const entry : {"a1", "a2", "a3", "b1", "c1", "b2"}) {
    queue.push(std::string(1, entry[0]), entry);
  }
  EXPECT_EQ(queue.size(), 6u);
  EXPECT_EQ(queue.take(), "a1");
  EXPECT_EQ(queue.take(), "b1");
  queue.push("d", "d1");  // a newcomer waits one round
  EXPECT_THAT(all(queue), ElementsAre("c1", "a2", "b2", "d1", "a3"));
}

TEST(FairQueue, WhatIsRemovedLeavesNoGap) {
  FairQueue<std::string> queue;
  queue.push("a", "a1");
  queue.push("b", "b1");
  queue.push("b", "b2");
  queue.remove("a", "a1");
  queue.remove("b", "b1");
  queue.remove("b", "b1");
  queue.remove("nobody", "x");
  EXPECT_EQ(queue.size(), 1u);
  queue.push("a", "a2");
  EXPECT_THAT(all(queue), ElementsAre("a2", "b2"));
  queue.push("a", "a3");
  queue.remove("a", "a3");
  EXPECT_TRUE(queue.empty());
  queue.push("c", "c1");
  EXPECT_THAT(all(queue), ElementsAre("c1"));
}

}  // namespace
}  // namespace sallyport::relay
