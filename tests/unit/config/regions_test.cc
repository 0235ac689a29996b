#include "proxy/config/regions.h"

#include <gtest/gtest.h>

namespace sallyport::config {
namespace {

std::string doubt(std::string_view provider, std::string_view host) {
  return doubt_about_region(*built_in_provider(provider), host).value_or("");
}

TEST(Regions, OfWhichNobodyKnowsAreDoubted) {
  EXPECT_EQ(doubt("ses", "email-smtp.eu-wst-1.amazonaws.com"),
            "host is \"email-smtp.eu-wst-1.amazonaws.com\", and \"eu-wst-1\" is no known region "
            "of Amazon SES; did you mean \"eu-west-1\"?");
  EXPECT_TRUE(doubt("ses", "email-smtp.moon.amazonaws.com").ends_with("of Amazon SES"));
  EXPECT_NE(doubt("zoho", "smtp.zoho.eh"), "");
}

TEST(Regions, ThatAreKnownAndHostsOfOthersAreNot) {
  EXPECT_EQ(doubt("ses", "email-smtp.eu-west-1.amazonaws.com"), "");
  EXPECT_EQ(doubt("ses", "vpce-1234.email-smtp.eu-wst-1.vpce.amazonaws.com"), "");
  EXPECT_EQ(doubt("ses", "email-smtp..amazonaws.com"), "");
  EXPECT_EQ(doubt("zoho", "smtp.zoho.com"), "");
  EXPECT_EQ(doubt("smtp", "email-smtp.eu-wst-1.amazonaws.com"), "");
}

}  // namespace
}  // namespace sallyport::config
