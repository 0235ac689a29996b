#include "proxy/base/utf8.h"

#include <gtest/gtest.h>

namespace sallyport::utf8 {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, KnowsTheLengthOfTheFirstSequence) {
  EXPECT_EQ(sequence("a\xc3\xa4"), 1u);
  EXPECT_EQ(sequence("\xc3\xa4"), 2u);
  EXPECT_EQ(sequence("\xe2\x82\xac"), 3u);
  EXPECT_EQ(sequence("\xf0\x9f\x93\xae"), 4u);
}

TEST(Utf8, RefusesWhatRfc3629Forbids) {
  const std::pair<std::string_view, const char*> faults[] = {
      {"\x80"sv, "a continuation octet alone"},
      {"\xc3"sv, "a sequence cut short"},
      {"\xc3("sv, "a second octet that continues nothing"},
      {"\xc0\xaf"sv, "an overlong slash"},
      {"\xe0\x80\xaf"sv, "an overlong slash in three octets"},
      {"\xf0\x80\x80\xaf"sv, "an overlong slash in four octets"},
      {"\xed\xa0\x80"sv, "a surrogate"},
      {"\xf4\x90\x80\x80"sv, "past U+10FFFF"},
      {"\xff"sv, "no first octet at all"},
  };
  for (const auto& [text, why] : faults) EXPECT_FALSE(is_valid(text)) << why;
}

TEST(Utf8, TakesWholeTexts) {
  EXPECT_TRUE(is_valid(""));
  EXPECT_TRUE(
      is_valid("Gr\xc3\xbc\xc3\x9f"
               "e \xf0\x9f\x93\xae"));
  EXPECT_TRUE(is_ascii("plain \x7f"));
  EXPECT_FALSE(is_ascii("\xc3\xa4"));
}

}  // namespace
}  // namespace sallyport::utf8
