#include "proxy/doctor/sender_domains.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace sallyport::doctor {
namespace {

std::vector<config::AddressPattern> patterns(std::initializer_list<const char*> texts) {
  std::vector<config::AddressPattern> patterns;
  for (const char* text : texts) patterns.push_back(config::AddressPattern::parse(text).value());
  return patterns;
}

config::User user(const char* name, std::initializer_list<const char*> senders) {
  config::User user;
  user.name = name;
  user.senders = patterns(senders);
  return user;
}

TEST(SenderDomains, AreThoseOfUsersRoutesAndOnesOwnChoice) {
  config::Config config;
  config.upstreams.resize(2);
  config.auth.users = {user("a", {"*@Billing.example.com", "ceo@example.com", "*", "<>"})};
  config.auth.file_users = {user("b", {"*@*.example.net"}), user("c", {})};
  config.routes.resize(2);
  config.routes[0].senders =
      patterns({"*@billing.example.com", "*@*.example.net", "x@other.example"});
  config.routes[0].upstreams = config::in_order({1});
  config.routes[1].upstreams = config::in_order({0});
  EXPECT_EQ(sender_domains(config, {"More.example."}),
            (std::vector<SenderDomain>{{"billing.example.com", {0, 1}},
                                       {"example.com", {0}},
                                       {"example.net", {0, 1}},
                                       {"more.example", {0}},
                                       {"other.example", {0, 1}}}));
}

TEST(SenderDomains, MayBeUnknown) {
  config::Config config;
  config.auth.users = {user("a", {"*"}), user("b", {})};
  EXPECT_TRUE(sender_domains(config, {}).empty());
}

}  // namespace
}  // namespace sallyport::doctor
