#include "proxy/submission/pace.h"

#include <gtest/gtest.h>

namespace sallyport::submission {
namespace {

using namespace std::chrono_literals;

/// A client that sends `octets` after each wait of `gap`: when it is given up, or kNever.
TimePoint given_up(Pace& pace, std::size_t octets, Duration gap, Duration for_at_most) {
  TimePoint now{};
  while (now < TimePoint() + for_at_most) {
    const TimePoint deadline = pace.wait(now);
    if (now + gap > deadline) return deadline;
    now += gap;
    pace.heard(octets, now);
  }
  return kNever;
}

TEST(Pace, EndsOnWhoDrips) {
  const struct {
    std::size_t octets;
    Duration gap;
    Duration end;  // 0: never
  } cases[] = {
      {1, 2min, 3min + 2ms},   // what no timeout between two blocks would end
      {1, 1s, 3min + 360ms},   // 1 of 500 octets
      {499, 1s, 25h},          // slightly too slow, and so for long (see below)
      {500, 1s, 0s},           // exactly fast enough
      {1460, 2900ms, 0s},      // a segment now and then
      {90'000, 3min, 0s},      // all that may be waited for, at once
      {1, 4min, 3min},         // silence
      {1u << 20, 181s, 3min},  // silence is silence, whatever comes behind it
  };
  for (const auto& c : cases) {
    Pace pace(500, 3min);
    const TimePoint end = given_up(pace, c.octets, c.gap, 24h);
    if (c.end == 0s) {
      EXPECT_EQ(end, kNever) << c.octets;
    } else if (c.end < 24h) {
      EXPECT_NEAR(static_cast<double>((end - TimePoint()) / 1ms), static_cast<double>(c.end / 1ms),
                  1000.0)
          << c.octets;
    } else {
      // 2 ms are lost each second: 3 minutes last for 90,000 s, a little more than a day.
      EXPECT_EQ(end, kNever);
      Pace again(500, 3min);
      EXPECT_NE(given_up(again, c.octets, c.gap, 26h), kNever);
    }
  }
}

TEST(Pace, WhatComesFastEarnsNoLongerSilence) {
  Pace pace(500, 3min);
  TimePoint now{};
  for (int i = 0; i < 1000; ++i) {
    (void)pace.wait(now);
    now += 1ms;
    pace.heard(65536, now);
  }
  EXPECT_EQ(pace.wait(now), now + 3min);
}

TEST(Pace, OurOwnTimeIsNotTheClients) {
  Pace pace(500, 3min);
  TimePoint now{};
  for (int i = 0; i < 10; ++i) {
    (void)pace.wait(now);
    now += 1s;
    pace.heard(500, now);
    now += 1h;  // a file that is written slowly
  }
  EXPECT_EQ(pace.wait(now), now + 3min);
}

TEST(Pace, ARateOfZeroAsksForNone) {
  Pace pace(0, 3min);
  EXPECT_EQ(given_up(pace, 1, 179s, 240h), kNever);
  EXPECT_EQ(given_up(pace, 1, 181s, 240h), TimePoint() + 3min);
}

TEST(Pace, NoNumberOfOctetsIsTooMany) {
  Pace pace(1, 3min);
  (void)pace.wait(TimePoint());
  pace.heard(std::numeric_limits<std::size_t>::max(), TimePoint() + 1min);
  EXPECT_EQ(pace.wait(TimePoint()), TimePoint() + 3min);
}

TEST(Pace, TellsSlownessFromSilence) {
  const Error timeout{ErrorCode::kTimeout, "the peer was silent for too long"};
  Pace silent(500, 3min);
  (void)silent.wait(TimePoint());
  EXPECT_EQ(silent.explain(timeout).text, "the peer was silent for too long");
  Pace slow(500, 3min);
  (void)slow.wait(TimePoint());
  slow.heard(1, TimePoint() + 2min);
  EXPECT_EQ(slow.explain(timeout).text, "the client sent less than 500 octets a second");
  Pace silent_in_the_end(500, 3min);
  (void)silent_in_the_end.wait(TimePoint());
  silent_in_the_end.heard(1, TimePoint() + 1s);
  EXPECT_EQ(silent_in_the_end.explain(timeout).text, "the peer was silent for too long");
  const Error closed{ErrorCode::kClosed, "the peer closed the connection"};
  EXPECT_EQ(slow.explain(closed), closed);
}

}  // namespace
}  // namespace sallyport::submission
