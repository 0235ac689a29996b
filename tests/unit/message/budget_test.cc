#include "proxy/message/budget.h"

#include <gtest/gtest.h>

namespace sallyport::message {
namespace {

TEST(Budget, IsSharedByReservationsAndNeverExceeded) {
  Budget budget(100);
  Reservation first(budget);
  EXPECT_TRUE(first.grow(60));
  {
    Reservation second(budget);
    EXPECT_FALSE(second.grow(41));
    EXPECT_EQ(budget.used(), 60u);  // a refusal takes nothing
    EXPECT_TRUE(second.grow(40));
    EXPECT_FALSE(first.grow(1));
  }
  EXPECT_TRUE(first.grow(40));
  EXPECT_EQ(first.octets(), 100u);
}

TEST(Budget, AReservationThatWasMovedIsGivenBackOnce) {
  Budget budget(100);
  {
    Reservation first(budget);
    EXPECT_TRUE(first.grow(30));
    Reservation second(std::move(first));
    Reservation third(budget);
    EXPECT_TRUE(third.grow(20));
    third = std::move(second);
    EXPECT_EQ(third.octets(), 30u);
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(Budget, ALowerLimitLeavesWhatIsHeld) {
  Budget budget(100);
  Reservation held(budget);
  EXPECT_TRUE(held.grow(80));
  budget.set_limit(50);
  EXPECT_EQ(budget.used(), 80u);
  EXPECT_FALSE(held.grow(1));
}

}  // namespace
}  // namespace sallyport::message
