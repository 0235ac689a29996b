// Which counts a message is charged to.
#include "proxy/policy/meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Meters : testing::Test {
  config::User user;
  Facts facts{.user = user,
              .client = IpAddress::parse("192.0.2.7").value_or(IpAddress()),
              .listener = "[::]:587",
              .sender_domain = "Shop.Example.COM",
              .recipients = 3,
              .domains = {"example.org", "EXAMPLE.org", "example.net"},
              .bytes = 1000};

  Meters() {
    user.name = "Billing";
    user.groups = {"finance", "emea"};
    user.labels = {{.name = "namespace", .value = "shop"}};
  }

  std::vector<Meter> of(config::LimitKey key, std::string labels = {}) {
    rules = {{.name = "cap", .key = key, .labels = std::move(labels)}};
    return meters_for(rules, facts);
  }
  std::vector<std::string> subjects(config::LimitKey key, std::string labels = {}) {
    std::vector<std::string> subjects;
    for (const Meter& meter : of(key, std::move(labels))) subjects.push_back(meter.subject);
    return subjects;
  }
  std::vector<config::LimitRule> rules;
};

TEST_F(Meters, HaveASubjectForEachKey) {
  using enum config::LimitKey;
  EXPECT_THAT(subjects(kUser), ElementsAre("billing"));
  EXPECT_THAT(subjects(kGroup), ElementsAre("finance", "emea"));
  EXPECT_THAT(subjects(kNetwork), ElementsAre("192.0.2.7"));
  EXPECT_THAT(subjects(kListener), ElementsAre("[::]:587"));
  EXPECT_THAT(subjects(kSenderDomain), ElementsAre("shop.example.com"));
  EXPECT_THAT(subjects(kRecipientDomain), ElementsAre("example.net", "example.org"));
  EXPECT_THAT(subjects(kProcess), ElementsAre("all mail"));
  EXPECT_THAT(subjects(kLabels, "ns-{namespace}!"), ElementsAre("ns-shop!"));
}

TEST_F(Meters, OfIpv6AreOfItsNetwork) {
  facts.client = IpAddress::parse("2001:db8:1:2:3:4:5:6").value_or(IpAddress());
  EXPECT_THAT(subjects(config::LimitKey::kNetwork), ElementsAre("2001:db8:1:2::/64"));
}

TEST_F(Meters, AreNoneWhereTheMessageHasNoSuchThing) {
  user.groups.clear();
  facts.sender_domain = "";
  EXPECT_THAT(subjects(config::LimitKey::kGroup), IsEmpty());
  EXPECT_THAT(subjects(config::LimitKey::kSenderDomain), IsEmpty());
  EXPECT_THAT(subjects(config::LimitKey::kLabels, "{namespace}/{cost_centre}"), IsEmpty());
}

TEST_F(Meters, ShareRecipientsAmongTheirDomains) {
  const auto meters = of(config::LimitKey::kRecipientDomain);
  ASSERT_EQ(meters.size(), 2u);
  EXPECT_EQ(meters[0].charge.recipients, 1u);
  EXPECT_EQ(meters[1].charge.recipients, 2u);
  EXPECT_EQ(meters[1].charge.bytes, 1000u);
}

}  // namespace
}  // namespace sallyport::policy
