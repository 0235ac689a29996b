#include "proxy/runtime/threads.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "proxy/runtime/loop.h"

namespace sallyport::runtime {
namespace {

TEST(Threads, RunEverythingOnAtMostSoMany) {
  std::atomic<int> ran = 0;
  std::mutex mutex;
  std::set<std::thread::id> seen;
  {
    Threads threads(2);
    for (int i = 0; i < 100; ++i) {
      threads.run([&] {
        ++ran;
        const std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
      });
    }
  }
  EXPECT_EQ(ran, 100);
  EXPECT_GE(seen.size(), 1u);
  EXPECT_LE(seen.size(), 2u);
}

TEST(Threads, StandBackBehindTheThreadThatMadeThem) {
  const int own = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  int theirs = own;
  {
    Threads threads(1);
    threads.run([&] { theirs = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); });
  }
  if (own < 19) {
    EXPECT_GT(theirs, own);
  }
  EXPECT_EQ(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())), own);
}

TEST(Threads, ALoopWaitsForThemInVirtualTimeToo) {
  Loop loop(Time::kVirtual);
  Threads threads(1);
  const auto main = [](Loop& l, Threads& t) -> Task<std::thread::id> {
    co_return co_await l.offload(t, [] { return std::this_thread::get_id(); });
  };
  EXPECT_NE(loop.run(main(loop, threads)), std::this_thread::get_id());
}

}  // namespace
}  // namespace sallyport::runtime
