#include "proxy/runtime/timer.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint at(int second) { return TimePoint{} + std::chrono::seconds(second); }

TEST(Timer, FiresOnceWhenItsTimeHasCome) {
  TimerHeap heap;
  int fired = 0;
  Timer timer(heap, [&] { ++fired; });
  timer.arm(at(5));
  heap.fire(at(4));
  EXPECT_EQ(fired, 0);
  heap.fire(at(5));
  heap.fire(at(6));
  EXPECT_EQ(fired, 1);
}

TEST(Timer, ArmedLaterStaysWhereItIsAndFiresLater) {
  TimerHeap heap;
  int fired = 0;
  Timer timer(heap, [&] { ++fired; });
  timer.arm(at(1));
  timer.arm(at(9));
  EXPECT_EQ(heap.earliest(), at(1)) << "the heap is not touched";
  heap.fire(at(1));
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(heap.earliest(), at(9));
  heap.fire(at(9));
  EXPECT_EQ(fired, 1);
}

TEST(Timer, ArmedEarlierMovesAtOnce) {
  TimerHeap heap;
  Timer timer(heap, [] {});
  timer.arm(at(9));
  timer.arm(at(1));
  EXPECT_EQ(heap.earliest(), at(1));
}

TEST(Timer, DisarmedNeverFires) {
  TimerHeap heap;
  int fired = 0;
  Timer timer(heap, [&] { ++fired; });
  timer.arm(at(1));
  timer.disarm();
  heap.fire(at(99));
  EXPECT_EQ(fired, 0);
  EXPECT_TRUE(heap.empty());
}

TEST(Timer, MayDestroyItselfAndOthersWhenItFires) {
  TimerHeap heap;
  std::unique_ptr<Timer> self;
  auto other = std::make_unique<Timer>(heap, [] { FAIL() << "destroyed before"; });
  self = std::make_unique<Timer>(heap, [&] {
    other.reset();
    self.reset();
  });
  self->arm(at(1));
  other->arm(at(2));
  heap.fire(at(3));
  EXPECT_TRUE(heap.empty());
}

TEST(TimerHeap, FiresInOrderUnderRandomUse) {
  std::mt19937 random(20261122);
  TimerHeap heap;
  struct Entry {
    int due = 0;  // 0: not armed
    std::unique_ptr<Timer> timer;
  };
  std::vector<Entry> entries(200);
  int now = 1;
  for (auto& entry : entries) {
    entry.timer = std::make_unique<Timer>(heap, [&entry, &now] {
      EXPECT_GT(entry.due, 0);
      EXPECT_LE(entry.due, now);
      entry.due = 0;
    });
  }
  for (int step = 0; step < 20'000; ++step) {
    Entry& entry = entries[random() % entries.size()];
    if (random() % 4 == 0) {
      entry.timer->disarm();
      entry.due = 0;
    } else {
      entry.due = now + 1 + static_cast<int>(random() % 50);
      entry.timer->arm(at(entry.due));
    }
    if (random() % 8 == 0) {
      heap.fire(at(++now));
      for (const auto& each : entries) ASSERT_TRUE(each.due == 0 || each.due > now);
    }
  }
}

}  // namespace
}  // namespace sallyport::runtime
