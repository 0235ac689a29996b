#include "proxy/doctor/dmarc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/runtime/loop.h"
#include "tests/unit/doctor/fake_texts.h"

namespace sallyport::doctor {
namespace {

using ::testing::ElementsAre;

TEST(Dmarc, ReadsEveryTag) {
  const auto record = parse_dmarc(
      "v=DMARC1; p=Reject; sp=quarantine; adkim=s; aspf=r; pct=50; rua=mailto:d@example.com; "
      "fo=1; ri=3600; unknown=x");
  ASSERT_TRUE(record) << record.error();
  EXPECT_EQ(record->policy, DmarcPolicy::kReject);
  EXPECT_EQ(record->subdomain_policy, DmarcPolicy::kQuarantine);
  EXPECT_TRUE(record->strict_dkim);
  EXPECT_FALSE(record->strict_spf);
  EXPECT_EQ(record->percent, 50);
  EXPECT_TRUE(record->has_reports);
}

TEST(Dmarc, HasDefaults) {
  const auto record = parse_dmarc("v=DMARC1;p=quarantine");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->subdomain_policy, DmarcPolicy::kQuarantine);
  EXPECT_FALSE(record->strict_dkim);
  EXPECT_EQ(record->percent, 100);
  EXPECT_FALSE(record->has_reports);
}

TEST(Dmarc, SaysWhatIsWrong) {
  const auto error = [](const char* text) { return parse_dmarc(text).error(); };
  EXPECT_EQ(error("v=DMARC1"), "it has no policy: \"p=\" is missing");
  EXPECT_EQ(error("v=DMARC1; p=block"),
            "p is \"block\"; expected \"none\", \"quarantine\" or \"reject\"");
  EXPECT_EQ(error("v=DMARC1; p=none; sp=x"),
            "sp is \"x\"; expected \"none\", \"quarantine\" or \"reject\"");
  EXPECT_EQ(error("v=DMARC1; p=none; adkim=strict"),
            "adkim is \"strict\"; expected \"r\" or \"s\"");
  EXPECT_EQ(error("v=DMARC1; p=none; pct=120"), "pct is \"120\"; expected a number to 100");
  EXPECT_EQ(error("v=DMARC1; p=none; pct=5x"), "pct is \"5x\"; expected a number to 100");
  EXPECT_EQ(error("p=none; v=DMARC1"), "it does not begin with \"v=DMARC1\"");
  EXPECT_EQ(error("v=dmarc1; p=none"), "it does not begin with \"v=DMARC1\"");
  EXPECT_EQ(error(""), "it does not begin with \"v=DMARC1\"");
  EXPECT_EQ(error("v=DMARC1; p"), "\"p\" has no \"=\"");
}

DmarcSurvey survey(FakeTexts& texts, const char* domain) {
  runtime::Loop loop(runtime::Time::kVirtual);
  return loop.run(survey_dmarc(texts, domain));
}

TEST(DmarcSurvey, LooksAtTheDomainAndThenAboveIt) {
  FakeTexts texts({{"_dmarc.example.com", {"junk", "v=DMARC1; p=reject; sp=none"}}});
  const auto below = survey(texts, "a.b.example.com");
  EXPECT_THAT(texts.asked,
              ElementsAre("_dmarc.a.b.example.com", "_dmarc.b.example.com", "_dmarc.example.com"));
  EXPECT_EQ(below.at, "example.com");
  EXPECT_EQ(below.policy_for("a.b.example.com"), DmarcPolicy::kNone);
  EXPECT_EQ(survey(texts, "example.com").policy_for("Example.com"), DmarcPolicy::kReject);
}

TEST(DmarcSurvey, AsksNoTopLevelDomainAndFewParentsOfALongName) {
  FakeTexts texts({});
  EXPECT_EQ(survey(texts, "example.com").at, "");
  EXPECT_THAT(texts.asked, ElementsAre("_dmarc.example.com"));
  texts.asked.clear();
  EXPECT_EQ(survey(texts, "l.k.j.i.h.g.f.e.d.c.b.a").at, "");
  EXPECT_EQ(texts.asked.size(), 7u);
  EXPECT_EQ(texts.asked[1], "_dmarc.g.f.e.d.c.b.a");
}

TEST(DmarcSurvey, OfSeveralRecordsNoneHoldsAndABrokenOneIsNamed) {
  FakeTexts several({{"_dmarc.example.com", {"v=DMARC1; p=none", "v=DMARC1; p=reject"}}});
  EXPECT_EQ(survey(several, "example.com").fault, "there are 2 records, so none of them holds");
  FakeTexts broken({{"_dmarc.example.com", {"v=DMARC1; p="}}});
  EXPECT_EQ(survey(broken, "example.com").fault,
            "p is \"\"; expected \"none\", \"quarantine\" or \"reject\"");
  FakeTexts silent({}, {"_dmarc.example.com"});
  EXPECT_EQ(survey(silent, "example.com").trouble, "no answer about _dmarc.example.com");
}

}  // namespace
}  // namespace sallyport::doctor
