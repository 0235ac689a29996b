#include "proxy/doctor/tags.h"

#include <gtest/gtest.h>

namespace sallyport::doctor {
namespace {

TEST(Tags, AreReadWithBlanksAndEmptyParts) {
  const auto tags = parse_tags(" v = DMARC1 ;p=none;; rua = mailto:a@b.example , mailto:c ;\r\n");
  ASSERT_TRUE(tags) << tags.error();
  EXPECT_EQ(
      tags->all(),
      (std::vector<Tag>{{"v", "DMARC1"}, {"p", "none"}, {"rua", "mailto:a@b.example , mailto:c"}}));
  EXPECT_EQ(tags->find("p"), "none");
  EXPECT_EQ(tags->find("P"), std::nullopt);
  EXPECT_TRUE(parse_tags("")->all().empty());
  EXPECT_EQ(parse_tags("p=a=b==")->find("p"), "a=b==");
  EXPECT_EQ(parse_tags("p=")->find("p"), "");
}

TEST(Tags, SayWhatIsWrong) {
  EXPECT_EQ(parse_tags("v=DKIM1; p").error(), "\"p\" has no \"=\"");
  EXPECT_EQ(parse_tags("v=DKIM1; =x").error(), "\"\" is no tag");
  EXPECT_EQ(parse_tags("1v=DKIM1").error(), "\"1v\" is no tag");
  EXPECT_EQ(parse_tags("p=1;p=2").error(), "the tag \"p\" is there twice");
}

TEST(Tags, TellTheVersion) {
  EXPECT_TRUE(has_version("v=DMARC1; p=none", "DMARC1"));
  EXPECT_TRUE(has_version(" v = dmarc1", "DMARC1"));
  EXPECT_FALSE(has_version("v=DMARC10; p=none", "DMARC1"));
  EXPECT_FALSE(has_version("p=none; v=DMARC1", "DMARC1"));
  EXPECT_FALSE(has_version("version=DMARC1", "DMARC1"));
  EXPECT_FALSE(has_version("", "DMARC1"));
}

}  // namespace
}  // namespace sallyport::doctor
