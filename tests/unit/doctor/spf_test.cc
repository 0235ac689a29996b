#include "proxy/doctor/spf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/runtime/loop.h"
#include "tests/unit/doctor/fake_texts.h"

namespace sallyport::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Spf, KnowsItsRecords) {
  EXPECT_TRUE(is_spf("v=spf1"));
  EXPECT_TRUE(is_spf("V=SPF1 -all"));
  EXPECT_FALSE(is_spf("v=spf10"));
  EXPECT_FALSE(is_spf("v=spf1;-all"));
  EXPECT_FALSE(is_spf(" v=spf1"));
  EXPECT_FALSE(is_spf("spf2.0/pra"));
}

TEST(Spf, ReadsEveryTerm) {
  const auto terms = parse_spf(
      "v=spf1  +a a/24 a:x.example//64 ~mx:y.example ip4:192.0.2.0/24 IP6:2001:db8::/32 "
      "?include:_spf.z.example ptr exists:%{i}.w.example exp=e.example redirect=r.example -all ");
  ASSERT_TRUE(terms) << terms.error();
  using enum SpfKind;
  EXPECT_THAT(
      *terms,
      ElementsAre(SpfTerm{kA, '+', ""}, SpfTerm{kA, '+', "/24"}, SpfTerm{kA, '+', "x.example//64"},
                  SpfTerm{kMx, '~', "y.example"}, SpfTerm{kIp4, '+', "192.0.2.0/24"},
                  SpfTerm{kIp6, '+', "2001:db8::/32"}, SpfTerm{kInclude, '?', "_spf.z.example"},
                  SpfTerm{kPtr, '+', ""}, SpfTerm{kExists, '+', "%{i}.w.example"},
                  SpfTerm{kOther, '+', "e.example"}, SpfTerm{kRedirect, '+', "r.example"},
                  SpfTerm{kAll, '-', ""}));
}

TEST(Spf, SaysWhichTermIsWrong) {
  const auto error = [](const char* text) { return parse_spf(text).error(); };
  EXPECT_EQ(error("v=spf1 inlcude:a.example"), "\"inlcude:a.example\" is no mechanism of SPF");
  EXPECT_EQ(error("v=spf1 include:"), "\"include:\" ends with \":\"");
  EXPECT_EQ(error("v=spf1 include"), "\"include\" names no domain");
  EXPECT_EQ(error("v=spf1 ip4:192.0.2.300"), "\"ip4:192.0.2.300\" is no network");
  EXPECT_EQ(error("v=spf1 ip4:192.0.2.1/33"), "\"ip4:192.0.2.1/33\" is no network");
  EXPECT_EQ(error("v=spf1 ip4:2001:db8::1"), "\"ip4:2001:db8::1\" is no network");
  EXPECT_EQ(error("v=spf1 ip6:192.0.2.1"), "\"ip6:192.0.2.1\" is no network");
  EXPECT_EQ(error("v=spf1 all:x"), "\"all:x\" takes no value");
  EXPECT_EQ(error("v=spf1 redirect="), "\"redirect=\" names no domain");
  EXPECT_EQ(error("v=spf1 redirect=a redirect=b"), "\"redirect\" is there twice");
  EXPECT_EQ(error("v=spf1 -"), "\"-\" is no mechanism of SPF");
  EXPECT_EQ(error("v=spf1 =x"), "\"=x\" is no term of SPF");
}

SpfSurvey survey(FakeTexts::Table table, std::vector<std::string> failing = {}) {
  runtime::Loop loop(runtime::Time::kVirtual);
  FakeTexts texts(std::move(table), std::move(failing));
  return loop.run(survey_spf(texts, "Example.com."));
}

TEST(SpfSurvey, CountsLookupsThroughIncludes) {
  const auto found =
      survey({{"example.com", {"other", "v=spf1 a mx include:a.example include:b.example ~all"}},
              {"a.example", {"v=spf1 ip4:192.0.2.1 include:c.example -all"}},
              {"b.example", {"v=spf1 exists:%{i}.b.example ?all"}},
              {"c.example", {"v=spf1 ip4:192.0.2.2 -all"}}});
  EXPECT_TRUE(found.exists);
  EXPECT_EQ(found.lookups, 6u);  // a, mx, include a, include c, include b, exists
  EXPECT_THAT(found.includes, ElementsAre("a.example", "c.example", "b.example"));
  EXPECT_TRUE(found.includes_domain("C.Example."));
  EXPECT_FALSE(found.includes_domain("d.example"));
  EXPECT_TRUE(found.has_all);
  EXPECT_EQ(found.all, '~');
  EXPECT_THAT(found.faults, IsEmpty());
}

TEST(SpfSurvey, TenLookupsAreAllowedAndElevenAreNot) {
  std::string record = "v=spf1";
  FakeTexts::Table table;
  for (int i = 0; i < 10; ++i) {
    record += " include:i" + std::to_string(i) + ".example";
    table["i" + std::to_string(i) + ".example"] = {"v=spf1 ip4:192.0.2.1 -all"};
  }
  table["example.com"] = {record + " -all"};
  EXPECT_THAT(survey(table).faults, IsEmpty());
  EXPECT_EQ(survey(table).lookups, 10u);
  table["example.com"] = {record + " a -all"};
  EXPECT_THAT(survey(table).faults,
              ElementsAre("checking it takes 11 DNS lookups, and RFC 7208 allows 10"));
}

TEST(SpfSurvey, NothingBehindAllCounts) {
  const auto found =
      survey({{"example.com", {"v=spf1 -all include:a.example redirect=b.example"}}});
  EXPECT_EQ(found.lookups, 0u);
  EXPECT_THAT(found.includes, IsEmpty());
}

TEST(SpfSurvey, AnIncludeThatDoesNotPassNamesNobody) {
  const auto found = survey(
      {{"example.com", {"v=spf1 ?include:a.example -include:b.example include:c.example -all"}},
       {"a.example", {"v=spf1 include:d.example -all"}},
       {"b.example", {"v=spf1 ip4:192.0.2.1 -all"}},
       {"c.example", {"v=spf1 ip4:192.0.2.2 ~ip4:192.0.2.3 -all"}},
       {"d.example", {"v=spf1 ip4:192.0.2.4 -all"}}});
  EXPECT_EQ(found.lookups, 4u);
  EXPECT_THAT(found.includes, ElementsAre("c.example"));
  EXPECT_THAT(found.networks, ElementsAre("192.0.2.2"));
}

TEST(SpfSurvey, NetworksMayStandForAnInclude) {
  const auto record = [](const char* networks) {
    return survey({{"example.com", {std::string("v=spf1 ") + networks + " -all"}}});
  };
  const SpfSurvey theirs = record("ip4:192.0.2.0/25 ip6:2001:db8:1::/48 ip4:198.51.100.7");
  EXPECT_TRUE(record("ip4:192.0.2.0/24 ip6:2001:db8::/32 ip4:198.51.100.7/32").covers(theirs));
  EXPECT_TRUE(theirs.covers(theirs));
  EXPECT_FALSE(record("ip4:192.0.2.0/24 ip6:2001:db8::/32").covers(theirs));
  EXPECT_FALSE(record("ip4:192.0.2.0/26 ip6:2001:db8::/32 ip4:198.51.100.7").covers(theirs));
  EXPECT_FALSE(record("ip4:192.0.2.0/24 ip6:2001:db9::/32 ip4:198.51.100.7").covers(theirs));
  EXPECT_FALSE(record("ip4:192.0.2.0/24").covers(record("a")));
  EXPECT_TRUE(record("ip4:0.0.0.0/0").covers(record("ip4:192.0.2.1")));
}

TEST(SpfSurvey, ARedirectDecidesInItsPlace) {
  const auto found = survey({{"example.com", {"v=spf1 redirect=r.example"}},
                             {"r.example", {"v=spf1 include:a.example -all"}},
                             {"a.example", {"v=spf1 +all"}}});
  EXPECT_EQ(found.lookups, 2u);
  EXPECT_EQ(found.all, '-');
  EXPECT_TRUE(found.includes_domain("r.example"));
  EXPECT_TRUE(found.includes_domain("a.example"));
}

TEST(SpfSurvey, WhatMakesReceiversGiveUpIsAFault) {
  EXPECT_THAT(survey({{"example.com", {"v=spf1 -all", "v=spf1 ~all"}}}).faults,
              ElementsAre("example.com has 2 SPF records, and may have one"));
  EXPECT_THAT(survey({{"example.com", {"v=spf1 include:gone.example -all"}}}).faults,
              ElementsAre("gone.example has no SPF record, and example.com names it"));
  EXPECT_THAT(survey({{"example.com", {"v=spf1 include:a.example -all"}},
                      {"a.example", {"v=spf1 include:example.com -all"}}})
                  .faults,
              ElementsAre("the record of example.com includes itself"));
  EXPECT_THAT(survey({{"example.com", {"v=spf1 include:a.example -all"}},
                      {"a.example", {"v=spf1 ip4:nonsense"}}})
                  .faults,
              ElementsAre("the record of a.example is wrong: \"ip4:nonsense\" is no network"));
}

TEST(SpfSurvey, TellsWhatItCouldNotSee) {
  const auto found =
      survey({{"example.com", {"v=spf1 include:%{d}.macro.example include:slow.example -all"}}},
             {"slow.example"});
  EXPECT_THAT(found.unread, ElementsAre("%{d}.macro.example"));
  EXPECT_THAT(found.troubles, ElementsAre("no answer about slow.example"));
  EXPECT_EQ(found.lookups, 2u);
  EXPECT_FALSE(survey({}).exists);
  EXPECT_THAT(survey({}).faults, IsEmpty());
}

TEST(SpfSurvey, RecordsOfOthersCannotMakeItAskWithoutEnd) {
  // Each names two more: 2^30 of them without a bound.
  FakeTexts::Table table;
  std::string name = "example.com";
  for (int i = 0; i < 30; ++i) {
    const std::string next = "n" + std::to_string(i) + ".example";
    table[name] = {"v=spf1 include:" + next + " include:" + next + " -all"};
    name = next;
  }
  table[name] = {"v=spf1 -all"};
  runtime::Loop loop(runtime::Time::kVirtual);
  FakeTexts texts(table);
  const auto found = loop.run(survey_spf(texts, "example.com"));
  EXPECT_LE(texts.asked.size(), 40u);
  EXPECT_FALSE(found.faults.empty());
}

}  // namespace
}  // namespace sallyport::doctor
