#include "proxy/runtime/in_flight.h"

#include <gtest/gtest.h>

#include <utility>

#include "proxy/runtime/task_group.h"

namespace sallyport::runtime {
namespace {

using namespace std::chrono_literals;

Task<void> hold_for(Loop& loop, InFlight& in_flight, Duration span) {
  const InFlight::Hold hold = in_flight.enter();
  Event never(loop);
  (void)co_await never.wait(loop.after(span));
}

/// Is under way for a second, and again for a second after a pause.
Task<void> come_back(Loop& loop, InFlight& in_flight) {
  co_await hold_for(loop, in_flight, 1s);
  co_await hold_for(loop, in_flight, 1s);
}

TEST(InFlight, IsDrainedAtOnceWhenNothingIsUnderWay) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    InFlight in_flight(l);
    const TimePoint begun = l.now();
    EXPECT_TRUE(co_await in_flight.drained(begun));
    EXPECT_TRUE(co_await in_flight.drained());
    EXPECT_EQ(l.now(), begun);
  };
  loop.run(main(loop));
}

TEST(InFlight, WaitsForTheSecondThoughTheFirstHasEnded) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    InFlight in_flight(l);
    TaskGroup group(l);
    for (int round = 0; round < 3; ++round) {  // warm: an earlier 0 must not be remembered
      const TimePoint begun = l.now();
      group.spawn(hold_for(l, in_flight, 1s));
      (void)co_await group.join();
      EXPECT_EQ(in_flight.count(), 0u);
      group.spawn(hold_for(l, in_flight, 2s));
      group.spawn(hold_for(l, in_flight, 5s));
      Event never(l);
      (void)co_await never.wait(l.after(1s));
      EXPECT_EQ(in_flight.count(), 2u);
      EXPECT_TRUE(co_await in_flight.drained());
      EXPECT_EQ(l.now() - begun, 6s);
      EXPECT_EQ(in_flight.count(), 0u);
    }
    (void)co_await group.join();
  };
  loop.run(main(loop));
}

TEST(InFlight, GivesTimeoutAndCanBeWaitedForAgain) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    InFlight in_flight(l);
    TaskGroup group(l);
    group.spawn(hold_for(l, in_flight, 3s));
    Event never(l);
    (void)co_await never.wait(l.after(1s));
    const TimePoint begun = l.now();
    EXPECT_EQ((co_await in_flight.drained(l.after(1s))).error().code, ErrorCode::kTimeout);
    EXPECT_EQ(l.now() - begun, 1s);
    EXPECT_TRUE(co_await in_flight.drained(l.after(1s)));
    EXPECT_EQ(l.now() - begun, 2s);
    (void)co_await group.join();
  };
  loop.run(main(loop));
}

TEST(InFlight, WaitsForWhatIsEnteredBeforeItsWaiterWakes) {
  Loop loop(Time::kVirtual);
  const auto main = [](Loop& l) -> Task<void> {
    InFlight in_flight(l);
    TaskGroup group(l);
    group.spawn(come_back(l, in_flight));
    Event never(l);
    (void)co_await never.wait(l.after(500ms));
    const TimePoint begun = l.now();
    EXPECT_TRUE(co_await in_flight.drained());
    EXPECT_EQ(l.now() - begun, 1500ms);
    (void)co_await group.join();
  };
  loop.run(main(loop));
}

TEST(InFlight, AHoldThatIsMovedCountsOnce) {
  Loop loop(Time::kVirtual);
  InFlight in_flight(loop);
  {
    InFlight::Hold first = in_flight.enter();
    InFlight::Hold second = std::move(first);
    EXPECT_EQ(in_flight.count(), 1u);
    second = in_flight.enter();  // the old one goes with the temporary
    EXPECT_EQ(in_flight.count(), 1u);
  }
  EXPECT_EQ(in_flight.count(), 0u);
}

}  // namespace
}  // namespace sallyport::runtime
