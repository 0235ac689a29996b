// Connections that are kept open before there is mail.
#include "proxy/relay/warm_minimum.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;

const scripts::Upstream kGood;

config::Upstream with_minimum(std::uint32_t least) {
  config::Upstream made = upstream("a");
  made.min_connections = least;
  made.idle_timeout = 10min;
  return made;
}

TEST(WarmMinimum, IsOpenBeforeTheFirstMessage) {
  World world({with_minimum(2)});
  world.host("a").scripts = {kGood.opening(), kGood.opening() + kGood.transaction()};
  (void)world.relay();
  world.pass(5min);
  EXPECT_EQ(world.host("a").dials, 2);
  EXPECT_TRUE(world.deliver(world.message()).reused_connection);
}

TEST(WarmMinimum, OpensAgainWhatWasIdleForTooLong) {
  config::Upstream a = with_minimum(1);
  a.idle_timeout = 10s;
  World world({a});
  const std::string ended = kGood.opening() + "P: QUIT\nU: 221 Bye\nU! close\n";
  world.host("a").scripts = {ended, ended, kGood.opening() + kGood.transaction()};
  (void)world.relay();
  world.pass(25s);
  EXPECT_EQ(world.host("a").dials, 3);
  EXPECT_TRUE(world.deliver(world.message()).reused_connection);
}

TEST(WarmMinimum, TriesMoreAndMoreSeldomWhereThereIsNone) {
  World world({with_minimum(1)});
  world.host("a").scripts.assign(100, "D! refuse");
  (void)world.relay();
  world.pass(10min);
  EXPECT_GE(world.host("a").dials, 10);
  EXPECT_LE(world.host("a").dials, 20);
  world.host("a").scripts.clear();
}

TEST(WarmMinimum, IsLeftToThePoolThatComesAfter) {
  World world({with_minimum(2)});
  const std::string ended = kGood.opening() + "P: QUIT\nU: 221 Bye\nU! close\n";
  world.host("a").scripts = {ended, ended, kGood.opening() + kGood.transaction()};
  (void)world.relay();
  world.pass(1min);
  world.config().upstreams[0].min_connections = 1;
  world.reload();
  world.pass(1min);
  EXPECT_EQ(world.host("a").dials, 3);
  EXPECT_TRUE(world.deliver(world.message()).reused_connection);
}

}  // namespace
}  // namespace sallyport::relay
