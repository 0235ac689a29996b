#include "proxy/runtime/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/base/result.h"
#include "proxy/runtime/loop.h"

namespace sallyport::runtime {
namespace {

Task<int> seven() { co_return 7; }

Task<std::unique_ptr<std::string>> boxed(std::string text) {
  co_return std::make_unique<std::string>(std::move(text));
}

Task<Result<int>> refused() { co_return fail(ErrorCode::kLimit, "no more"); }

Task<int> sum_to(int n) {
  int sum = 0;
  for (int i = 1; i <= n; ++i) sum += co_await seven() - 7 + i;
  co_return sum;
}

Task<int> nested(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await nested(depth - 1);
}

TEST(Task, GivesItsValue) {
  Loop loop(Time::kVirtual);
  EXPECT_EQ(loop.run(seven()), 7);
  EXPECT_EQ(*loop.run(boxed("moved")), "moved");
  EXPECT_EQ(loop.run(refused()).error().code, ErrorCode::kLimit);
}

TEST(Task, DoesNotStartBeforeItIsAwaited) {
  bool started = false;
  const auto mark = [](bool& flag) -> Task<void> {
    flag = true;
    co_return;
  };
  {
    const Task<void> never_awaited = mark(started);
  }
  EXPECT_FALSE(started);
}

TEST(Task, AwaitsInALoopAndDeepWithoutUsingUpTheStack) {
  Loop loop(Time::kVirtual);
  EXPECT_EQ(loop.run(sum_to(50'000)), 1'250'025'000);
  EXPECT_EQ(loop.run(nested(10'000)), 10'000);
}

TEST(Task,
     OpeningConditionIsRunOnce) {  // GCC 12 skipped bodies that begin with `if (co_await ...)`
  Loop loop(Time::kVirtual);
  const auto body = []() -> Task<int> {
    if (co_await seven() == 7) co_return 1;
    co_return 0;
  };
  EXPECT_EQ(loop.run(body()), 1);
}

}  // namespace
}  // namespace sallyport::runtime
