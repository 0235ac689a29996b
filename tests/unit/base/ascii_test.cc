#include "proxy/base/ascii.h"

#include <gtest/gtest.h>

namespace sallyport::ascii {
namespace {

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
