#include "proxy/server/explain_route.h"

#include <gtest/gtest.h>

namespace sallyport::server {
namespace {

config::AddressPattern pattern(std::string_view text) {
  return config::AddressPattern::parse(text).value();
}

config::Config config_with_routes() {
  config::Config config;
  for (const char* name : {"bulk-a", "bulk-b", "ses"}) {
    config::Upstream upstream;
    upstream.name = name;
    config.upstreams.push_back(std::move(upstream));
  }
  config::User user;
  user.name = "Crm";
  user.groups = {"marketing", "eu"};
  config.auth.users.push_back(std::move(user));
  config::Route bulk;
  bulk.name = "newsletters";
  bulk.groups = {"marketing"};
  bulk.header = {{"X-Kind", "bulk*"}};
  bulk.upstreams = {{.upstream = 0, .priority = 1, .weight = 3},
                    {.upstream = 1, .priority = 1, .weight = 1},
                    {.upstream = 2, .priority = 2, .weight = 1}};
  config::Route billing;
  billing.authors = {pattern("*@billing.example")};
  billing.upstreams = config::in_order({2, 0});
  config.routes = {bulk, billing};
  return config;
}

TEST(ExplainRoute, SaysWhichIsTakenAndWhyNot) {
  const config::Config config = config_with_routes();
  const struct {
    ExplainRouteCommand command;
    const char* text;
  } cases[] = {
      {{.user = "crm", .from = "a@b.example", .to = {"x@y.example"}, .header = {"x-kind: Bulky"}},
       "groups: marketing, eu\n"
       "route 1 \"newsletters\": taken\n"
       "upstreams: bulk-a (3 of 4) or bulk-b (1 of 4), then ses\n"},
      {{.user = "crm", .from = "a@billing.example", .to = {"x@y.example"}},
       "groups: marketing, eu\n"
       "route 1 \"newsletters\": no: header\n"
       "route 2: taken\n"
       "upstreams: ses, then bulk-a\n"},
      {{.user = "app", .from = "<>", .to = {"x@y.example"}},
       "no user \"app\" is configured: it has no groups and no labels\n"
       "route 1 \"newsletters\": no: groups\n"
       "route 2: no: authors\n"
       "no route is left: the client hears 451 4.4.4\n"},
  };
  for (const auto& c : cases) EXPECT_EQ(explain_route(config, c.command), c.text);
}

TEST(ExplainRoute, NamesTheArgumentThatCannotBeRead) {
  const config::Config config = config_with_routes();
  const auto error = [&config](const ExplainRouteCommand& command) {
    const auto text = explain_route(config, command);
    return text ? std::string() : text.error().text;
  };
  EXPECT_EQ(error({.to = {"nobody"}}).substr(0, 14), "--to \"nobody\":");
  EXPECT_EQ(error({.from = "nobody", .to = {"a@b.c"}}).substr(0, 16), "--from \"nobody\":");
  EXPECT_EQ(error({.to = {"a@b.c"}, .header = {"X"}}), "--header \"X\": expected \"NAME: TEXT\"");
  EXPECT_EQ(error({.to = {"a@b.c"}, .listener = "x"}).substr(0, 11), "--listener:");
}

}  // namespace
}  // namespace sallyport::server
