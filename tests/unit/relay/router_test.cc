#include "proxy/relay/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "proxy/relay/conditions.h"

namespace sallyport::relay {
namespace {

config::Route route(const std::vector<std::string>& senders,
                    const std::vector<std::size_t>& upstreams) {
  config::Route made;
  for (const auto& sender : senders) {
    made.senders.push_back(config::AddressPattern::parse(sender).value());
  }
  made.upstreams = config::in_order(upstreams);
  return made;
}

smtp::ReversePath path(const std::string& address) {
  if (address.empty()) return {};
  const auto at = address.rfind('@');
  return {smtp::Mailbox{address.substr(0, at), address.substr(at + 1)}};
}

/// The upstreams of a message with this reverse-path, of nobody in particular.
std::vector<std::size_t> upstreams_for(const Router& router,
                                       const smtp::ReversePath& reverse_path) {
  const message::Envelope envelope{
      .reverse_path = reverse_path, .parameters = {}, .recipients = {}};
  const auto found = router.find({.envelope = envelope, .size = 100, .fields = {}}, {});
  std::vector<std::size_t> upstreams;
  if (!found) return upstreams;
  for (const auto& target : router.route(*found).upstreams) upstreams.push_back(target.upstream);
  return upstreams;
}

/// What the router must agree with: the routes one after the other.
std::vector<config::Target> first_match(const std::vector<config::Route>& routes,
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
    EXPECT_THAT(upstreams_for(router, path(c.address)), testing::ElementsAreArray(c.upstreams))
        << c.address;
  }
}

TEST(Router, NoRouteNoUpstream) {
  EXPECT_TRUE(upstreams_for(Router({}), path("a@b.example")).empty());
  const std::vector<config::Route> routes = {route({"*@a.example"}, {0})};
  EXPECT_TRUE(upstreams_for(Router(routes), path("x@b.example")).empty());
  EXPECT_TRUE(upstreams_for(Router(routes), path("")).empty());
}

TEST(Router, ARouteWithoutPatternsServesEverybody) {
  const std::vector<config::Route> routes = {route({}, {7})};
  EXPECT_THAT(upstreams_for(Router(routes), path("")), testing::ElementsAre(7));
  EXPECT_THAT(upstreams_for(Router(routes), path("a@b.c")), testing::ElementsAre(7));
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
        EXPECT_EQ(config::in_order(upstreams_for(router, address)), first_match(routes, address));
      }
    }
    EXPECT_EQ(config::in_order(upstreams_for(router, {})), first_match(routes, {}));
  }
}

config::AddressPattern pattern(std::string_view text) {
  return config::AddressPattern::parse(text).value();
}

/// A message from `from@here.example`.
struct Mail {
  explicit Mail(const std::vector<std::string>& recipients = {"to@there.example"}) {
    envelope.reverse_path = path("from@here.example");
    for (const auto& each : recipients) {
      envelope.recipients.push_back({smtp::parse_mailbox(each).value()});
    }
  }
  Traits traits() const { return {.envelope = envelope, .size = size, .fields = fields}; }

  message::Envelope envelope;
  std::uint64_t size = 1000;
  std::vector<config::HeaderField> fields = {{"From", "A <a@here.example>"}};
};

TEST(Conditions, EachAlone) {
  const std::vector<std::string> groups = {"crm", "staff"};
  const std::vector<config::Label> labels = {{"team", "billing"}, {"tier", "gold"}};
  const config::Endpoint here{"::", 587};
  const Caller caller{.user = "App", .groups = groups, .labels = labels, .listener = &here};
  const Caller nobody;
  Mail mail({"a@x.example", "b@y.example"});
  mail.fields.push_back({"X-Kind", "bulk, weekly"});
  mail.fields.push_back({"x-kind", "other"});
  Mail odd;
  odd.fields = {{"From", "\"a@here.example\" <b@evil.example>"}};
  Mail none;
  none.fields.clear();
  const auto with = [](auto set) {
    config::Route made;
    set(made);
    return made;
  };
  const struct {
    const char* what;
    config::Route conditions;
    const Mail& of;
    const Caller& by;
    std::string_view unmet;
  } cases[] = {
      {"nothing", {}, mail, nobody, ""},
      {"user", with([](auto& r) { r.users = {"x", "APP"}; }), mail, caller, ""},
      {"other user", with([](auto& r) { r.users = {"app2"}; }), mail, caller, "users"},
      {"no user", with([](auto& r) { r.users = {"app"}; }), mail, nobody, "users"},
      {"group", with([](auto& r) { r.groups = {"a", "staff"}; }), mail, caller, ""},
      {"group in other case", with([](auto& r) { r.groups = {"Staff"}; }), mail, caller, "groups"},
      {"labels", with([](auto& r) { r.labels = {{"team", "bill*"}, {"tier", "gold"}}; }), mail,
       caller, ""},
      {"one label of two", with([](auto& r) { r.labels = {{"team", "*"}, {"tier", "tin"}}; }), mail,
       caller, "labels"},
      {"listener", with([](auto& r) { r.listeners = {{"::", 465}, {"::", 587}}; }), mail, caller,
       ""},
      {"other listener", with([](auto& r) { r.listeners = {{"::", 465}}; }), mail, caller,
       "listeners"},
      {"no listener", with([](auto& r) { r.listeners = {{"::", 465}}; }), mail, nobody,
       "listeners"},
      {"sender", with([](auto& r) { r.senders = {pattern("*@here.example")}; }), mail, nobody, ""},
      {"other sender", with([](auto& r) { r.senders = {pattern("<>")}; }), mail, nobody, "senders"},
      {"author", with([](auto& r) { r.authors = {pattern("*@here.example")}; }), mail, nobody, ""},
      {"author in a display name", with([](auto& r) { r.authors = {pattern("*@here.example")}; }),
       odd, nobody, "authors"},
      {"no author", with([](auto& r) { r.authors = {pattern("*")}; }), none, nobody, "authors"},
      {"every recipient",
       with([](auto& r) { r.recipients = {pattern("*@x.example"), pattern("b@y.example")}; }), mail,
       nobody, ""},
      {"one recipient of two", with([](auto& r) { r.recipients = {pattern("*@x.example")}; }), mail,
       nobody, "recipients"},
      {"header", with([](auto& r) { r.header = {{"X-KIND", "OTHER"}, {"x-kind", "*week*"}}; }),
       mail, nobody, ""},
      {"header that is not there", with([](auto& r) { r.header = {{"X-Other", "*"}}; }), mail,
       nobody, "header"},
      {"size", with([](auto& r) { r.min_size = 1000, r.max_size = 1000; }), mail, nobody, ""},
      {"too small", with([](auto& r) { r.min_size = 1001; }), mail, nobody, "min_size"},
      {"too large", with([](auto& r) { r.max_size = 999; }), mail, nobody, "max_size"},
  };
  for (const auto& c : cases) {
    std::string_view unmet = unmet_by_sender(c.conditions, c.of.envelope.reverse_path, c.by);
    if (unmet.empty()) unmet = unmet_by_message(c.conditions, c.of.traits());
    EXPECT_EQ(unmet, c.unmet) << c.what;
    // The index gives the same answer.
    const Router router(std::vector{c.conditions});
    EXPECT_EQ(router.find(c.of.traits(), c.by).has_value(), c.unmet.empty()) << c.what;
  }
}

TEST(Router, WatchesTheFieldsThatRoutesLookAt) {
  config::Route one;
  one.authors = {pattern("*@a.example")};
  one.header = {{"X-Kind", "a"}, {"x-kind", "b"}, {"From", "*"}};
  EXPECT_THAT(*Router(std::vector{one}).watched_fields(), testing::ElementsAre("From", "X-Kind"));
  EXPECT_EQ(Router(std::vector{config::Route()}).watched_fields(), nullptr);
}

TEST(Router, AgreesWithTryingEachRouteOfAnyCondition) {
  std::mt19937 random(2);
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  const std::vector<std::string> users = {"a", "b", "C"};
  const std::vector<std::string> groups = {"g", "h", "i"};
  const std::vector<std::string> domains = {"here.example", "x.here.example", "other.example"};
  for (int round = 0; round < 500; ++round) {
    std::vector<config::Route> routes;
    for (std::size_t i = 0; i < 1 + random() % 8; ++i) {
      config::Route made = route({}, {i});
      if (random() % 3 == 0) made.users = {pick(users), pick(users)};
      if (random() % 3 == 0) made.groups = {pick(groups), pick(groups)};
      if (random() % 3 == 0) made.senders = {pattern("*@" + pick(domains)), pattern("<>")};
      if (random() % 4 == 0) made.recipients = {pattern("*@" + pick(domains))};
      if (random() % 4 == 0) made.min_size = 1000;
      if (random() % 4 == 0) made.header = {{"X-Kind", pick(users)}};
      routes.push_back(std::move(made));
    }
    const Router router(routes);
    for (int i = 0; i < 20; ++i) {
      const std::string user = pick({"A", "b", "c", "d"});
      std::vector<std::string> in;
      for (const auto& group : groups) {
        if (random() % 2 == 0) in.push_back(group);
      }
      Mail mail({"to@" + pick(domains)});
      mail.envelope.reverse_path = path(random() % 5 == 0 ? "" : "from@" + pick(domains));
      mail.size = 500 + random() % 1000;
      mail.fields.push_back({"X-Kind", pick(users)});
      const Caller caller{.user = user, .groups = in};
      const Traits traits = mail.traits();
      const auto& reverse_path = mail.envelope.reverse_path;
      std::optional<std::size_t> expected;
      std::vector<const config::Route*> possible;
      for (std::size_t at = 0; at < routes.size(); ++at) {
        if (!unmet_by_sender(routes[at], reverse_path, caller).empty()) continue;
        const bool decided = !needs_message(routes[at]);
        if (possible.empty() || needs_message(*possible.back())) {
          possible.push_back(&router.route(at));
        }
        if (!expected && (decided || unmet_by_message(routes[at], traits).empty())) expected = at;
      }
      EXPECT_EQ(router.find(traits, caller), expected);
      std::vector<const config::Route*> visited;
      router.each_possible(reverse_path, caller,
                           [&](const config::Route& each) { visited.push_back(&each); });
      EXPECT_EQ(visited, possible);
    }
  }
}

TEST(Router, DrawsByWeightAmongEquals) {
  config::Route made;
  made.upstreams = {{.upstream = 0, .priority = 1, .weight = 3},
                    {.upstream = 1, .priority = 1, .weight = 1},
                    {.upstream = 2, .priority = 1, .weight = 0},
                    {.upstream = 3, .priority = 2, .weight = 1}};
  const Router router(std::vector{made});
  std::minstd_rand random(1);
  std::map<std::size_t, int> first;
  std::vector<config::Target> drawn;
  for (int i = 0; i < 4000; ++i) {
    const auto order = router.order(0, random, drawn);
    ASSERT_EQ(order.size(), 4u);
    ++first[order[0].upstream];
    EXPECT_EQ(order[2].upstream, 2u) << "without a weight: behind its equals";
    EXPECT_EQ(order[3].upstream, 3u);
  }
  EXPECT_NEAR(first[0], 3000, 150);
  EXPECT_NEAR(first[1], 1000, 150);
}

TEST(Router, AnOrderWithoutEqualsIsNotDrawn) {
  const Router router(std::vector{route({}, {2, 0, 1})});
  std::minstd_rand random(1);
  std::vector<config::Target> drawn;
  EXPECT_THAT(router.order(0, random, drawn),
              testing::ElementsAreArray(config::in_order({2, 0, 1})));
  EXPECT_TRUE(drawn.empty());
}

}  // namespace
}  // namespace sallyport::relay
