#include "proxy/relay/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace sallyport::relay {
namespace {

config::Route route(const std::vector<std::string>& senders, std::vector<std::size_t> upstreams) {
  config::Route made;
  for (const auto& sender : senders) {
    made.senders.push_back(config::AddressPattern::parse(sender).value());
  }
  made.upstreams = std::move(upstreams);
  return made;
}

smtp::ReversePath path(const std::string& address) {
  if (address.empty()) return {};
  const auto at = address.rfind('@');
  return {smtp::Mailbox{address.substr(0, at), address.substr(at + 1)}};
}

/// What the router must agree with: the routes one after the other.
std::vector<std::size_t> first_match(const std::vector<config::Route>& routes,
                                     const smtp::ReversePath& reverse_path) {
  const smtp::Mailbox mailbox = reverse_path.mailbox.value_or(smtp::Mailbox{});
  for (const config::Route& candidate : routes) {
    if (candidate.senders.empty()) return candidate.upstreams;
    for (const config::AddressPattern& pattern : candidate.senders) {
      if (pattern.matches(mailbox.local, mailbox.domain)) return candidate.upstreams;
    }
  }
  return {};
}

TEST(Router, TheFirstRouteThatMatchesDecides) {
  const std::vector<config::Route> routes = {
      route({"ceo@example.com"}, {0}),    route({"*@example.com", "<>"}, {1, 0}),
      route({"*@*.example.com"}, {2}),    route({"*"}, {3}),
      route({"late@other.example"}, {4}),
  };
  const Router router(routes);
  const struct {
    const char* address;
    std::vector<std::size_t> upstreams;
  } cases[] = {
      {"ceo@example.com", {0}},    {"CEO@Example.COM", {0}},
      {"x@example.com", {1, 0}},   {"", {1, 0}},
      {"x@a.example.com", {2}},    {"x@a.b.example.com", {2}},
      {"x@notexample.com", {3}},   {"x@com", {3}},
      {"late@other.example", {3}}, {"ceo@deep.example.com", {2}},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(router.upstreams_for(path(c.address)), testing::ElementsAreArray(c.upstreams))
        << c.address;
  }
}

TEST(Router, NoRouteNoUpstream) {
  EXPECT_TRUE(Router({}).upstreams_for(path("a@b.example")).empty());
  const std::vector<config::Route> routes = {route({"*@a.example"}, {0})};
  EXPECT_TRUE(Router(routes).upstreams_for(path("x@b.example")).empty());
  EXPECT_TRUE(Router(routes).upstreams_for(path("")).empty());
}

TEST(Router, ARouteWithoutPatternsServesEverybody) {
  const std::vector<config::Route> routes = {route({}, {7})};
  EXPECT_THAT(Router(routes).upstreams_for(path("")), testing::ElementsAre(7));
  EXPECT_THAT(Router(routes).upstreams_for(path("a@b.c")), testing::ElementsAre(7));
}

TEST(Router, AgreesWithTryingEachRouteInTurn) {
  std::mt19937 random(1);
  const std::vector<std::string> domains = {"a.example", "b.a.example", "c.b.a.example", "example",
                                            "A.Example"};
  const std::vector<std::string> locals = {"x", "Y", "z.z"};
  const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
  for (int round = 0; round < 300; ++round) {
    std::vector<config::Route> routes;
    const std::size_t count = 1 + random() % 6;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::string> senders;
      for (std::size_t j = 0; j < 1 + random() % 3; ++j) {
        switch (random() % 8) {
          case 0:
            senders.emplace_back("<>");
            break;
          case 1:
            senders.emplace_back(random() % 4 == 0 ? "*" : "<>");
            break;
          case 2:
          case 3:
            senders.push_back("*@*." + pick(domains));
            break;
          case 4:
          case 5:
            senders.push_back("*@" + pick(domains));
            break;
          default:
            senders.push_back(pick(locals) + "@" + pick(domains));
        }
      }
      routes.push_back(route(senders, {i}));
    }
    const Router router(routes);
    for (const std::string& domain : domains) {
      for (const std::string& local : locals) {
        const smtp::ReversePath address{smtp::Mailbox{local, domain}};
        EXPECT_THAT(router.upstreams_for(address),
                    testing::ElementsAreArray(first_match(routes, address)));
      }
    }
    EXPECT_THAT(router.upstreams_for({}), testing::ElementsAreArray(first_match(routes, {})));
  }
}

}  // namespace
}  // namespace sallyport::relay
