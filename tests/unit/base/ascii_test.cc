#include "proxy/base/ascii.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string_view>
#include <utility>

namespace sallyport::ascii {
namespace {

TEST(Ascii, AStarStandsForAnything) {
  for (const auto& [pattern, text] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"*", ""},
           {"*", "x"},
           {"", ""},
           {"billing/*", "billing/"},
           {"BILLING/*", "billing/cron"},
           {"*/cron", "a/b/cron"},
           {"a*b*c", "aXbXbc"},
           {"**a", "aa"},
           {"a*", "a"}}) {
    EXPECT_TRUE(matches_wildcard(pattern, text)) << pattern << " " << text;
  }
  for (const auto& [pattern, text] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"", "x"},
           {"billing/*", "billing"},
           {"*/cron", "a/crontab"},
           {"a*b*c", "acb"},
           {"a", "ab"}}) {
    EXPECT_FALSE(matches_wildcard(pattern, text)) << pattern << " " << text;
  }
}

TEST(Ascii, ComparesWithoutRegardToTheCaseOfLettersOnly) {
  EXPECT_TRUE(equals_ignoring_case("STARTTLS", "StartTls"));
  EXPECT_FALSE(equals_ignoring_case("AUTH", "AUTH "));
  EXPECT_FALSE(
      equals_ignoring_case("[", "{"));  // they differ in the bit that makes letters lower case
  EXPECT_TRUE(starts_with_ignoring_case("from:<a@b>", "FROM:"));
  EXPECT_FALSE(starts_with_ignoring_case("FRO", "FROM:"));
}

TEST(Ascii, LeavesOctetsBeyondAsciiAlone) {
  EXPECT_EQ(lower("\xc3\x84"
                  "BC"),
            "\xc3\x84"
            "bc");
  EXPECT_FALSE(is_control('\x80'));
}

TEST(Ascii, TrimsSpacesAndTabsOnly) {
  EXPECT_EQ(trim(" \t a b \t"), "a b");
  EXPECT_EQ(trim(" \r"), "\r");
  EXPECT_EQ(trim("  "), "");
}

}  // namespace
}  // namespace sallyport::ascii
