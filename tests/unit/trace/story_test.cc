#include "proxy/trace/story.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::trace {
namespace {

TEST(Story, KeepsStepsInTheirOrder) {
  Story story;
  const TimePoint begin = TimePoint() + std::chrono::seconds(5);
  story.note(begin, "MAIL", "250 Ok");
  story.note_verdict(begin + std::chrono::seconds(1), "verdict", "ses: 250 Ok 0102");
  ASSERT_EQ(story.steps().size(), 2u);
  EXPECT_EQ(story.steps()[0].name, "MAIL");
  EXPECT_EQ(story.steps()[1].words, "ses: 250 Ok 0102");
  EXPECT_EQ(story.steps()[1].when - begin, std::chrono::seconds(1));
  EXPECT_EQ(story.left_out(), 0u);
}

TEST(Story, CutsLongWords) {
  Story story;
  story.note({}, "end", std::string(5000, 'x'));
  EXPECT_EQ(story.steps().front().words, std::string(Story::kMostWords, 'x') + "…");
}

TEST(Story, OfManyStepsTheVerdictsAreKept) {
  Story story;
  for (int i = 0; i < 1000; ++i) story.note({}, "RCPT", "550 no");
  story.note_verdict({}, "verdict", "all refused");
  EXPECT_EQ(story.steps().size(), Story::kMostSteps + 1);
  EXPECT_EQ(story.left_out(), 1000 - Story::kMostSteps);
  EXPECT_EQ(story.steps().back().words, "all refused");
  for (int i = 0; i < 1000; ++i) story.note_verdict({}, "verdict", "again");
  EXPECT_EQ(story.steps().size(), 2 * Story::kMostSteps);
}

}  // namespace
}  // namespace sallyport::trace
