// What one worker finds out about an upstream, all know.
#include "proxy/relay/findings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "proxy/relay/connection_cap.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow = TimePoint(1000h);

TEST(Findings, AreForgottenAfterAnHour) {
  Findings findings;
  EXPECT_EQ(findings.taken(kNow), 0u);
  EXPECT_FALSE(findings.is_pipelining_broken(kNow));
  findings.takes(20, kNow);
  findings.breaks_pipelining(kNow);
  EXPECT_EQ(findings.taken(kNow + 59min), 20u);
  EXPECT_TRUE(findings.is_pipelining_broken(kNow + 59min));
  EXPECT_EQ(findings.taken(kNow + 60min), 0u);
  EXPECT_FALSE(findings.is_pipelining_broken(kNow + 60min));
}

TEST(Findings, OfOneWorkerAreKnownToTheOthers) {
  World world({upstream("a")});
  const message::Message message = world.message();
  const auto& path = message.envelope.reverse_path;
  EXPECT_EQ(world.relay().max_recipients(path, {}), 1000u);
  const auto cap = world.caps.of(upstream("a"));  // as another worker's pool gets it
  cap->findings.takes(20, world.loop.now());
  EXPECT_EQ(world.relay().max_recipients(path, {}), 20u);
  cap->findings.states(10);
  EXPECT_EQ(world.relay().max_recipients(path, {}), 10u);
}

TEST(Findings, EndWithTheSettingsThatTheyWereMadeWith) {
  World world({upstream("a")});
  const message::Message message = world.message();
  const auto& path = message.envelope.reverse_path;
  (void)world.relay();
  world.caps.of(upstream("a"))->findings.takes(20, world.loop.now());
  world.config().upstreams[0].host = "other.example";
  world.reload();
  EXPECT_EQ(world.relay().max_recipients(path, {}), 1000u);
}

}  // namespace
}  // namespace sallyport::relay
