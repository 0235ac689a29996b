#include "proxy/runtime/event.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/runtime/task_group.h"

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;

Task<void> set_at(Loop& loop, Event& event, TimePoint when) {
  Event never(loop);
  (void)co_await never.wait(when);
  event.set();
}

Task<void> append_after(Loop& loop, Duration delay, std::string& text, char letter) {
  Event never(loop);
  (void)co_await never.wait(loop.after(delay));
  text += letter;
}

TEST(Event, WakesItsWaiterAndRemembersThatItWasSet) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    TaskGroup group(l);
    Event event(l);
    const TimePoint start = l.now();
    group.spawn(set_at(l, event, start + 2s));
    EXPECT_TRUE(co_await event.wait(start + 5s));
    EXPECT_EQ(l.now(), start + 2s);
    EXPECT_TRUE(co_await event.wait(start)) << "already set: the deadline does not matter";
    EXPECT_TRUE(co_await group.join());
  };
  loop.run(main(loop));
}

TEST(Event, GivesTimeoutAtTheDeadline) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    Event event(l);
    const TimePoint start = l.now();
    const auto waited = co_await event.wait(start + 3s);
    EXPECT_EQ(waited.error().code, ErrorCode::kTimeout);
    EXPECT_EQ(l.now(), start + 3s);
  };
  loop.run(main(loop));
}

TEST(TaskGroup, RunsItsTasksTogetherAndJoinsThemAll) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<std::string> {
    std::string order;
    TaskGroup group(l);
    group.spawn(append_after(l, 3s, order, 'c'));
    group.spawn(append_after(l, 1s, order, 'a'));
    group.spawn(append_after(l, 2s, order, 'b'));
    EXPECT_EQ(group.size(), 3u);
    EXPECT_EQ((co_await group.join(l.after(2500ms))).error().code, ErrorCode::kTimeout);
    EXPECT_EQ(order, "ab");
    EXPECT_TRUE(co_await group.join());
    co_return order;
  };
  EXPECT_EQ(loop.run(main(loop)), "abc");
}

TEST(TaskGroup, JoinsTasksThatTasksSpawn) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<int> {
    struct Spawner {
      static Task<void> run(TaskGroup& group, int depth, int& count) {
        ++count;
        if (depth > 0) group.spawn(run(group, depth - 1, count));
        co_return;
      }
    };
    int count = 0;
    TaskGroup group(l);
    group.spawn(Spawner::run(group, 50, count));
    (void)co_await group.join();
    co_return count;
  };
  EXPECT_EQ(loop.run(main(loop)), 51);
}

}  // namespace
}  // namespace sallyport::runtime
