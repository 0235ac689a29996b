#include "proxy/runtime/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;

Task<std::thread::id> where_offloaded(Loop& loop) {
  co_return co_await loop.offload([] { return std::this_thread::get_id(); });
}

TEST(Loop, OffloadsToAnotherThreadAndComesBack) {
  for (const Time time : {Time::kReal, Time::kVirtual}) {
    Loop loop(time);
    EXPECT_NE(loop.run(where_offloaded(loop)), std::this_thread::get_id());
  }
}

TEST(Loop, RunsWhatOtherThreadsPost) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<bool> {
    Event posted(l);
    std::thread::id ran_on;
    std::thread other([&] {
      l.post([&] {
        ran_on = std::this_thread::get_id();
        posted.set();
      });
    });
    (void)co_await posted.wait();
    other.join();
    co_return ran_on == std::this_thread::get_id();
  };
  EXPECT_TRUE(loop.run(main(loop)));
}

TEST(Loop, RealDeadlinesPassAndNeverEarly) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<Duration> {
    const TimePoint start = std::chrono::steady_clock::now();
    Event never(l);
    for (int i = 0; i < 5; ++i) (void)co_await never.wait(l.after(1500us));
    co_return std::chrono::steady_clock::now() - start;
  };
  EXPECT_GE(loop.run(main(loop)), 5 * 1500us - 5 * 1ms);
}

TEST(Loop, ADeadlineThatPassesBeforeThePollIsNotSleptThrough) {
  Loop loop;
  const auto main = [](Loop& l) -> Task<void> {
    TaskGroup group(l);
    const auto wait = [](Loop& inner) -> Task<void> {
      Event never(inner);
      (void)co_await never.wait(inner.after(1ms));
    };
    const auto work = []() -> Task<void> {
      std::this_thread::sleep_for(5ms);
      co_return;
    };
    group.spawn(wait(l));
    group.spawn(work());
    (void)co_await group.join();
  };
  loop.run(main(loop));  // nothing else would ever wake it
}

TEST(Loop, VirtualTimeJumpsInsteadOfWaiting) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<Duration> {
    const TimePoint start = l.now();
    Event never(l);
    (void)co_await never.wait(l.after(24h));
    co_return l.now() - start;
  };
  EXPECT_EQ(loop.run(main(loop)), 24h);
}

TEST(Loop, VirtualTimeStandsStillWhilePostedWorkWaits) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<Duration> {
    const TimePoint start = l.now();
    Event woken(l);
    (void)co_await woken.wait(l.after(1s));
    for (int i = 0; i < 2; ++i) {
      woken.reset();
      l.post([&] { woken.set(); });
      (void)co_await woken.wait(l.after(1h));
    }
    co_return l.now() - start;
  };
  EXPECT_EQ(loop.run(main(loop)), 1s);
}

TEST(LoopDeathTest, ADeadlockInVirtualTimeSaysSo) {
  const auto main = [](Loop& l) -> Task<void> {
    Event never(l);
    (void)co_await never.wait();
  };
  EXPECT_DEATH(
      {
        Loop loop(Time::kVirtual);
        loop.run(main(loop));
      },
      "deadlock");
}

TEST(Loop, ItsEndDoesNotWaitForARequestThatHangs) {
  // Of the process: a thread of libuv's pool uses it after the test.
  static std::promise<void> answer;
  const auto hang = [](Loop& l) -> Task<int> {
    co_return co_await l.offload([] {
      answer.get_future().wait();
      return 0;
    });
  };
  // Its frame stays suspended, as that of a look-up's answer that nothing waits for any more.
  static Task<int>* abandoned = nullptr;
  EXPECT_FALSE(Loop::any_abandoned());
  const auto begun = std::chrono::steady_clock::now();
  {
    Loop loop;
    abandoned = new Task<int>(hang(loop));
    loop.resume_soon(abandoned->start());
    const auto main = [](Loop& l) -> Task<void> {
      Event never(l);
      (void)co_await never.wait(l.after(10ms));
    };
    loop.run(main(loop));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
  EXPECT_TRUE(Loop::any_abandoned());
  answer.set_value();
}

TEST(Loop, BuffersAreReused) {
  Loop loop;
  std::string buffer = loop.take_buffer();
  buffer.resize(10'000);
  const char* place = buffer.data();
  loop.give_back(std::move(buffer));
  const std::string again = loop.take_buffer();
  EXPECT_TRUE(again.empty());
  EXPECT_EQ(again.data(), place);
}

}  // namespace
}  // namespace sallyport::runtime
