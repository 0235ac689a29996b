#include "proxy/doctor/examine_domain.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "proxy/base/base64.h"
#include "proxy/runtime/loop.h"
#include "tests/unit/doctor/fake_texts.h"

namespace sallyport::doctor {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

config::Upstream upstream(const std::string& name, config::SenderDns dns) {
  auto provider = std::make_shared<config::Provider>();
  provider->name = name;
  provider->sender = std::move(dns);
  config::Upstream upstream;
  upstream.name = name;
  upstream.provider = std::move(provider);
  return upstream;
}

/// What is found about example.com, as "weight check what | advice".
std::vector<std::string> found(FakeTexts::Table table, const config::Upstream& carrier,
                               std::vector<std::string> failing = {}) {
  runtime::Loop loop(runtime::Time::kVirtual);
  FakeTexts texts(std::move(table), std::move(failing));
  Report report;
  loop.run(examine_domain(texts, "example.com", {&carrier}, report));
  std::vector<std::string> lines;
  for (const Finding& finding : report.findings()) {
    EXPECT_EQ(finding.subject, "domain example.com");
    lines.push_back(fmt::format("{} {} {} | {}", name(finding.weight), finding.check, finding.what,
                                finding.advice));
  }
  return lines;
}

std::string key(std::size_t octets = 294) {
  return "v=DKIM1; p=" + base64::encode(std::string(octets, 'k'));
}

/// A provider that leaves the reverse-path as it is, and one that does not.
const config::SenderDns kKeeps{
    .spf = {"_spf.p.example", "old.p.example"}, .dkim_selectors = {"s1", "s2"}, .dkim_hint = {}};
const config::SenderDns kReplaces{
    .spf = {"p.example"}, .dkim_selectors = {"s1"}, .dkim_hint = {}, .replaces_reverse_path = true};

FakeTexts::Table good() {
  return {{"example.com", {"v=spf1 include:old.p.example -all"}},
          {"old.p.example", {"v=spf1 ip4:192.0.2.0/24 -all"}},
          {"s2._domainkey.example.com", {key()}},
          {"_dmarc.example.com", {"v=DMARC1; p=reject; rua=mailto:d@example.com"}},
          {"_mta-sts.example.com", {"v=STSv1; id=1"}},
          {"_smtp._tls.example.com", {"v=TLSRPTv1; rua=mailto:t@example.com"}}};
}

TEST(ExamineDomain, ADomainThatIsAsItShouldBe) {
  EXPECT_THAT(
      found(good(), upstream("p", kKeeps)),
      testing::ElementsAre(
          "ok SPF v=spf1 include:old.p.example -all (1 DNS lookups of 10) | ",
          "ok SPF it names p | ",
          "ok DKIM s2._domainkey.example.com has a key of 2048 bits for p | ",
          "ok DMARC v=DMARC1; p=reject; rua=mailto:d@example.com (at _dmarc.example.com) | ",
          "ok DMARC mail by p passes: DKIM and SPF of example.com | ",
          "ok MTA-STS v=STSv1; id=1 | ", "ok TLS-RPT v=TLSRPTv1; rua=mailto:t@example.com | "));
}

TEST(ExamineDomain, AMissingIncludeIsAFaultWhereTheReversePathIsKept) {
  auto table = good();
  table["example.com"] = {"v=spf1 a -all"};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains("fault SPF it does not name p: its mail fails SPF | add "
                       "include:_spf.p.example to the record"));
  table.erase("example.com");
  EXPECT_THAT(
      found(table, upstream("p", kKeeps)),
      Contains("fault SPF there is no SPF record, and p keeps the return path of mail | add "
               "a TXT record: v=spf1 include:_spf.p.example ~all"));
  EXPECT_THAT(
      found(table, upstream("p", kReplaces)),
      Contains(StartsWith("note SPF it does not name p, which puts a return path of its own")));
}

TEST(ExamineDomain, NetworksInPlaceOfTheIncludeAreTaken) {
  auto table = good();
  table["example.com"] = {"v=spf1 ip4:192.0.2.0/24 -all"};
  const auto lines = found(table, upstream("p", kKeeps));
  EXPECT_THAT(
      lines,
      Contains(StartsWith("note SPF it has the networks of p in place of include:_spf.p.example")));
  EXPECT_THAT(lines, Contains("ok DMARC mail by p passes: DKIM and SPF of example.com | "));
}

TEST(ExamineDomain, WhatIsWrongWithSpfIsSaid) {
  auto table = good();
  table["example.com"] = {"v=spf1 include:old.p.example +all"};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains(StartsWith("fault SPF \"+all\" lets everybody send as this domain")));
  table["example.com"] = {"v=spf1 include:old.p.example"};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains(StartsWith("note SPF the record says nothing of senders")));
  table["example.com"] = {"v=spf1 include:old.p.example inlcude:x -all"};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains(HasSubstr("\"inlcude:x\" is no mechanism of SPF: receivers take the record "
                                 "for broken | mend the record")));
  table["example.com"] = {"v=spf1 include:old.p.example a a a a a a a a a a -all"};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains(HasSubstr("checking it takes 11 DNS lookups, and RFC 7208 allows 10")));
}

TEST(ExamineDomain, KeysAreJudged) {
  auto table = good();
  table["s2._domainkey.example.com"] = {"v=DKIM1; p="};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains(StartsWith("fault DKIM s2._domainkey.example.com is revoked")));
  table["s2._domainkey.example.com"] = {key(94)};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains(StartsWith("fault DKIM s2._domainkey.example.com has 512 bits")));
  table["s2._domainkey.example.com"] = {key(162)};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains("note DKIM s2._domainkey.example.com is short | prefer a key of 2048 bits"));
  table["s2._domainkey.example.com"] = {"v=DKIM1; p=AAA"};
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains(StartsWith("fault DKIM s2._domainkey.example.com is broken")));
  table.erase("s2._domainkey.example.com");
  EXPECT_THAT(
      found(table, upstream("p", kKeeps)),
      Contains("warning DKIM none of the selectors that p is known to use is there: s1, s2 | "
               "authenticate example.com in the account of p, and add the records it shows"));
}

TEST(ExamineDomain, AKeyOfTheDomainAboveWillDoUnlessThePolicyIsStrict) {
  FakeTexts::Table table = {{"s1._domainkey.example.com", {key()}},
                            {"_dmarc.example.com", {"v=DMARC1; p=reject"}}};
  const auto of_subdomain = [&] {
    runtime::Loop loop(runtime::Time::kVirtual);
    FakeTexts texts(table);
    Report report;
    const config::Upstream carrier = upstream("p", kReplaces);
    loop.run(examine_domain(texts, "mail.example.com", {&carrier}, report));
    return report.text();
  };
  EXPECT_THAT(of_subdomain(), HasSubstr("mail by p passes: DKIM of mail.example.com"));
  EXPECT_THAT(of_subdomain(), HasSubstr("s1._domainkey.example.com has a key of 2048 bits for p"));
  table["_dmarc.example.com"] = {"v=DMARC1; p=reject; adkim=s"};
  EXPECT_THAT(of_subdomain(), HasSubstr("fault    DMARC     mail by p shows neither"));
}

TEST(ExamineDomain, SelectorsThatEachAccountHasItsOwnOfMayBeOthers) {
  auto table = good();
  table.erase("s2._domainkey.example.com");
  config::SenderDns own = kReplaces;
  own.dkim_hint = "the record in the console";
  const auto lines = found(table, upstream("p", own));
  EXPECT_THAT(lines, Contains("warning DKIM none of the selectors that p is known to use is there: "
                              "s1 | look for the record in the console"));
  EXPECT_THAT(lines, Contains(StartsWith("note DMARC whether mail by p passes")));
}

TEST(ExamineDomain, MailThatWillBeRefusedIsAFault) {
  auto table = good();
  table.erase("s2._domainkey.example.com");
  const std::string expected =
      "fault DMARC mail by p shows neither SPF nor DKIM of example.com, and the policy is "
      "\"reject\" | authenticate example.com in the account of p";
  EXPECT_THAT(found(table, upstream("p", kReplaces)), Contains(expected));
  // SPF alone will do where the reverse-path is kept.
  EXPECT_THAT(found(table, upstream("p", kKeeps)),
              Contains("ok DMARC mail by p passes: SPF of example.com | "));
  table["_dmarc.example.com"] = {"v=DMARC1; p=none"};
  EXPECT_THAT(found(table, upstream("p", kReplaces)),
              Contains(StartsWith("warning DMARC mail by p shows neither")));
  table["_dmarc.example.com"] = {"v=DMARC1; q=none"};
  EXPECT_THAT(found(table, upstream("p", kReplaces)),
              Contains(StartsWith("fault DMARC the record at _dmarc.example.com is wrong")));
  table.erase("_dmarc.example.com");
  EXPECT_THAT(found(table, upstream("p", kReplaces)),
              Contains(StartsWith("warning DMARC there is no record")));
}

TEST(ExamineDomain, WhatCannotBeKnownIsNoFault) {
  auto table = good();
  const auto lines = found(table, upstream("smarthost", {}));
  EXPECT_THAT(lines, Contains(StartsWith("note SPF what names smarthost in an SPF record")));
  EXPECT_THAT(lines, Contains(StartsWith("note DKIM the selectors of smarthost are not known")));
  EXPECT_THAT(lines, Contains(StartsWith("note DMARC whether mail by smarthost passes")));
  for (const std::string& line : lines) EXPECT_THAT(line, Not(StartsWith("fault")));
}

TEST(ExamineDomain, NameServersThatDoNotAnswerAreNoVerdict) {
  const auto lines = found(good(), upstream("p", kKeeps),
                           {"example.com", "s1._domainkey.example.com", "_dmarc.example.com"});
  EXPECT_THAT(lines, Contains("warning SPF no answer about example.com | check the name servers, "
                              "and run this again"));
  EXPECT_THAT(lines, Contains(StartsWith("warning SPF whether it names p cannot be seen")));
  EXPECT_THAT(lines, Contains(StartsWith("warning DMARC no answer about _dmarc.example.com")));
  for (const std::string& line : lines) EXPECT_THAT(line, Not(StartsWith("fault")));
}

}  // namespace
}  // namespace sallyport::doctor
