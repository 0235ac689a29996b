// What a delivery notes in the story of its message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using scripts::Fault;
using testing::ElementsAre;

/// The steps of one delivery, as "step: words"; of long words the beginning.
std::vector<std::string> told(World& world, const message::Message& message) {
  trace::Story story;
  Relay& relay = world.relay();
  (void)world.loop.run(relay.deliver(message, world.loop.after(10min), {.story = &story}));
  std::vector<std::string> told;
  for (const trace::Step& step : story.steps()) {
    told.push_back((std::string(step.name) + ": " + step.words).substr(0, 40));
  }
  return told;
}

TEST(Story, HasEachUpstreamWithEachReply) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream good;
  world.host("a").scripts = {good.opening() + good.transaction(Stage::kRcpt, Fault::k4xx)};
  world.host("b").scripts = {good.opening() + good.transaction()};
  const auto steps = told(world, world.message());
  const auto has = [&](const char* step) {
    return std::ranges::any_of(steps, [&](const auto& each) { return each.starts_with(step); });
  };
  EXPECT_EQ(steps.front(), "route: route 1 to a b");
  EXPECT_EQ(steps[1], "upstream: a");
  EXPECT_TRUE(has("connect: "));
  EXPECT_TRUE(has("greeting: 220"));
  EXPECT_TRUE(has("EHLO: 250"));
  EXPECT_TRUE(has("AUTH: 235"));
  EXPECT_TRUE(has("RCPT: to@there.example: 450 4.2.0 Later"));
  EXPECT_TRUE(has("verdict: a RCPT: 450 4.2.0 Later"));
  EXPECT_TRUE(has("upstream: b"));
  EXPECT_TRUE(has("DATA: 354"));
  EXPECT_EQ(steps.back(), "verdict: b end of DATA: 250 2.0.0 Ok: qu");
}

TEST(Story, NamesAReusedConnectionAndAnUpstreamInTrouble) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream good;
  world.host("a").scripts = {"D! refuse"};
  world.host("b").scripts = {good.opening() + good.transaction() + good.transaction()};
  (void)told(world, world.message());
  const auto second = told(world, world.message());
  EXPECT_THAT(second,
              ElementsAre("route: route 1 to a b", "passed over: a: its last attempts failed",
                          "upstream: b", "connection: a reused one, after 1 messag",
                          testing::StartsWith("MAIL: 250"), testing::StartsWith("RCPT: to@there"),
                          testing::StartsWith("DATA: 354"), testing::StartsWith("verdict: b end")));
}

}  // namespace
}  // namespace sallyport::relay
