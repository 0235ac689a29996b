#include "proxy/relay/deadlines.h"

#include <gtest/gtest.h>

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1000h};

TEST(Deadlines, WithoutAnAlternativeTheWholeTimeIsThere) {
  const auto only = Deadlines::shared(kNow, kNow + 10min, 0, false);
  EXPECT_EQ(only.overall, kNow + 10min);
  EXPECT_EQ(only.handover, kNow + 10min);
  EXPECT_EQ(only.opening_ends(kNow), kNow + 10min);  // connect_timeout bounds it
  EXPECT_EQ(only.reply_ends(kNow, 5min), kNow + 5min);
  EXPECT_EQ(only.reply_ends(kNow + 8min, 5min), kNow + 10min);
}

TEST(Deadlines, AProbeOfTheOnlyUpstreamIsNoProbe) {
  EXPECT_EQ(Deadlines::shared(kNow, kNow + 10min, 0, true).opening_ends(kNow), kNow + 10min);
}

TEST(Deadlines, UntilTheFinalDotAnUpstreamIsWorthSecondsWhereThereIsAnother) {
  const auto first = Deadlines::shared(kNow, kNow + 10min, 1, false);
  EXPECT_EQ(first.opening_ends(kNow), kNow + 8s);
  EXPECT_EQ(first.first_reply_on_reused_ends(kNow), kNow + 5s);
  EXPECT_EQ(first.reply_ends(kNow, 5min), kNow + 30s);
  const auto probe = Deadlines::shared(kNow, kNow + 10min, 1, true);
  EXPECT_EQ(probe.opening_ends(kNow), kNow + 3s);
}

TEST(Deadlines, EachUpstreamLeftHasAShare) {
  const auto first = Deadlines::shared(kNow, kNow + 12s, 2, false);
  EXPECT_EQ(first.handover, kNow + 4s);
  EXPECT_EQ(first.opening_ends(kNow), kNow + 4s);
  EXPECT_EQ(first.overall, kNow + 12s);
}

TEST(Deadlines, AfterTheFirstOctetOfContentTheDeliveryAsAWholeCounts) {
  const auto first = Deadlines::shared(kNow, kNow + 10min, 5, true);
  EXPECT_EQ(first.content_ends(kNow, 3min), kNow + 3min);
  EXPECT_EQ(first.content_ends(kNow, 10min), kNow + 10min);
}

TEST(Deadlines, AReusedConnectionMayHaveDiedInSilence) {
  const Deadlines only(kNow + 10min);
  EXPECT_EQ(only.first_reply_on_reused_ends(kNow), kNow + 10s);
  EXPECT_EQ(Deadlines(kNever).first_reply_on_reused_ends(kNow), kNow + 10s);
  EXPECT_EQ(Deadlines(kNow + 1s).first_reply_on_reused_ends(kNow), kNow + 1s);
}

TEST(Deadlines, ADeadlineThatHasPassedStays) {
  const auto late = Deadlines::shared(kNow, kNow - 1s, 3, true);
  EXPECT_EQ(late.handover, kNow - 1s);
  EXPECT_EQ(late.opening_ends(kNow), kNow - 1s);
}

}  // namespace
}  // namespace sallyport::relay
