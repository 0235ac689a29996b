#include "proxy/smtp/xtext.h"

#include <gtest/gtest.h>

namespace sallyport::smtp {
namespace {

using namespace std::string_literals;

std::string decoded(std::string_view text) {
  const auto result = decode_xtext(text);
  return result ? *result : "refused: " + result.error().text;
}

TEST(Xtext, StandsForAnyOctet) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("jane@example.com"), "jane@example.com");
  EXPECT_EQ(decoded("e+3Dmc2"), "e=mc2");
  EXPECT_EQ(decoded("+2B+2B"), "++");
  EXPECT_EQ(decoded("+00+FF"), "\0\xff"s);
  EXPECT_EQ(decoded("+41"), "A");  // encoded without need
}

// X.400 gateways write the digits in lower case; what goes on has them in upper case.
TEST(Xtext, MayHaveDigitsInLowerCase) {
  EXPECT_EQ(decoded("+2b"), "+");
  EXPECT_EQ(decoded("gw:+20[/PRMD+3dorg/]"), "gw: [/PRMD=org/]");
  EXPECT_EQ(normal_xtext("gw:+20[/prmd+3dorg/]+fF"), "gw:+20[/prmd+3Dorg/]+FF");
  EXPECT_EQ(normal_xtext("+2b+2bb"), "+2B+2Bb");
  EXPECT_EQ(normal_xtext(""), "");
}

TEST(Xtext, HasNoOtherForm) {
  const std::string digits = "refused: it has a '+' without two digits of hexadecimal behind it";
  for (const char* text : {"+", "a+", "+4", "+4g", "+g4", "+ 4", "++2B"}) {
    EXPECT_EQ(decoded(text), digits) << text;
  }
  EXPECT_EQ(decoded("a=b"), "refused: it has '=', which xtext writes as '+3D'");
  EXPECT_EQ(decoded("a b"), "refused: it has a space, which xtext writes as '+20'");
  EXPECT_EQ(decoded("\x7f"), "refused: it has the octet 127, which xtext writes as '+7F'");
  EXPECT_EQ(decoded("\xe4"), "refused: it has the octet 228, which xtext writes as '+E4'");
}

}  // namespace
}  // namespace sallyport::smtp
