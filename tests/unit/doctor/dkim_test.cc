#include "proxy/doctor/dkim.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/base/base64.h"

namespace sallyport::doctor {
namespace {

std::string key_of(std::size_t octets) { return base64::encode(std::string(octets, 'k')); }

TEST(Dkim, KnowsItsKeys) {
  EXPECT_TRUE(is_dkim_key("v=DKIM1; k=rsa; p=AAAA"));
  EXPECT_TRUE(is_dkim_key("k=rsa; p=AAAA"));
  EXPECT_TRUE(is_dkim_key("p="));
  EXPECT_FALSE(is_dkim_key("v=spf1 -all"));
  EXPECT_FALSE(is_dkim_key("v=DMARC1; p=none"));
  EXPECT_FALSE(is_dkim_key("anything"));
}

TEST(Dkim, TellsTheSizeOfAKey) {
  for (const auto& [octets, bits] :
       {std::pair<std::size_t, std::size_t>{94, 512}, {162, 1024}, {294, 2048}, {550, 4096}}) {
    EXPECT_EQ(parse_dkim_key("v=DKIM1; p=" + key_of(octets))->bits, bits);
  }
  const auto edwards = parse_dkim_key("v=DKIM1; k=ed25519; p=" + key_of(32));
  EXPECT_EQ(edwards->bits, 0u);
  EXPECT_EQ(edwards->type, "ed25519");
}

TEST(Dkim, TakesBlanksInAKey) {
  std::string key = key_of(162);
  key.insert(100, " \t");
  EXPECT_EQ(parse_dkim_key("v=DKIM1; t=y:s; p=" + key)->bits, 1024u);
  EXPECT_TRUE(parse_dkim_key("v=DKIM1; t=y:s; p=" + key)->is_testing);
  EXPECT_FALSE(parse_dkim_key("v=DKIM1; t=s; p=" + key)->is_testing);
}

TEST(Dkim, SaysWhatIsWrong) {
  EXPECT_TRUE(parse_dkim_key("v=DKIM1; p=")->revoked);
  EXPECT_EQ(parse_dkim_key("v=DKIM1; k=rsa").error(), "it has no key: \"p=\" is missing");
  EXPECT_EQ(parse_dkim_key("v=DKIM1; p=AAA").error(),
            "its key is no base64: perhaps a part of it is missing");
  EXPECT_EQ(parse_dkim_key("v=DKIM1; k=dsa; p=AAAA").error(),
            "its key is of the unknown type \"dsa\"");
}

}  // namespace
}  // namespace sallyport::doctor
