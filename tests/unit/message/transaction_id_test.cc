#include "proxy/message/transaction_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "proxy/base/ascii.h"

namespace sallyport::message {
namespace {

using std::chrono::milliseconds;

TEST(TransactionId, IsTwentyDigitsAndCapitals) {
  TransactionIds ids;
  const auto id = ids.next(WallTime(milliseconds(1'700'000'000'000)));
  EXPECT_EQ(id.view().size(), 20u);
  EXPECT_TRUE(std::ranges::all_of(id.view(), [](char c) {
    return ascii::is_digit(c) || (c >= 'A' && c <= 'Z');
  })) << id.view();
}

TEST(TransactionId, SortsByTime) {
  TransactionIds ids;
  const auto first = ids.next(WallTime(milliseconds(1'700'000'000'000)));
  const auto later = ids.next(WallTime(milliseconds(1'700'000'000'001)));
  EXPECT_LT(first, later);
  EXPECT_NE(first.view().substr(0, 9), later.view().substr(0, 9));
}

TEST(TransactionId, IsUniqueWithinAMillisecondAndOverWorkers) {
  const WallTime now(milliseconds(1'700'000'000'000));
  std::set<std::string> seen;
  for (int worker = 0; worker < 4; ++worker) {
    TransactionIds ids;
    for (int n = 0; n < 10'000; ++n) seen.emplace(ids.next(now).view());
  }
  EXPECT_EQ(seen.size(), 40'000u);
}

TEST(TransactionId, IsKnownForAKnownSeed) {
  TransactionIds ids({1, 2, 3, 4});
  // The first number of xoshiro256++ with this state is 41943041 (its reference implementation).
  EXPECT_EQ(ids.next(WallTime(milliseconds(36))).view(), "000000010000000OYZGH");
}

}  // namespace
}  // namespace sallyport::message
