// One cap an upstream, whatever else a reload changes of it, and a limit that can change.
#include <gtest/gtest.h>

#include <memory>

#include "proxy/relay/connection_cap.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;

struct Taker {
  Taker(runtime::Loop& loop, ConnectionCap& cap)
      : member(std::make_shared<ConnectionCap::Member>()) {
    member->loop = &loop;
    member->granted = [this] { ++granted; };
    member->asked = [] {};
    cap.join(member);
  }

  std::shared_ptr<ConnectionCap::Member> member;
  int granted = 0;
};

runtime::Task<void> pass(runtime::Loop& loop) {
  runtime::Event never(loop);
  (void)co_await never.wait(loop.after(1ms));
}

TEST(UpstreamCaps, AreOneForEachNameWhateverElseChanges) {
  ConnectionCaps caps;
  config::Upstream a = upstream("a");
  const auto before = caps.of(a);
  a.password = Secret("new");
  a.host = "new.example";
  EXPECT_EQ(caps.of(a), before);
  EXPECT_NE(caps.of(upstream("b")), before);
}

TEST(UpstreamCaps, ALowerLimitGivesNothingOutUntilEnoughCameBack) {
  runtime::Loop loop(runtime::Time::kVirtual);
  ConnectionCaps caps;
  config::Upstream a = upstream("a");
  a.max_connections = 3;
  const auto cap = caps.of(a);
  Taker taker(loop, *cap);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(cap->try_take(*taker.member));
  a.max_connections = 1;
  EXPECT_EQ(caps.of(a), cap);
  EXPECT_EQ(cap->limit(), 1u);
  cap->wait(*taker.member, loop.now());
  for (int i = 0; i < 2; ++i) {
    cap->release(*taker.member);
    loop.run(pass(loop));
    EXPECT_EQ(taker.granted, 0);
  }
  EXPECT_EQ(cap->used(), 1u);
  cap->release(*taker.member);
  loop.run(pass(loop));
  EXPECT_EQ(taker.granted, 1);
  EXPECT_EQ(cap->used(), 1u);
  EXPECT_FALSE(cap->try_take(*taker.member));
  cap->release(*taker.member);
  cap->leave(taker.member);
}

TEST(UpstreamCaps, AHigherLimitGoesToThoseWhoWait) {
  runtime::Loop loop(runtime::Time::kVirtual);
  ConnectionCaps caps;
  config::Upstream a = upstream("a");
  a.max_connections = 1;
  const auto cap = caps.of(a);
  Taker busy(loop, *cap);
  Taker waiting(loop, *cap);
  EXPECT_TRUE(cap->try_take(*busy.member));
  for (int i = 0; i < 3; ++i) cap->wait(*waiting.member, loop.now());
  a.max_connections = 3;
  (void)caps.of(a);
  loop.run(pass(loop));
  EXPECT_EQ(waiting.granted, 2);
  EXPECT_EQ(cap->used(), 3u);
  cap->stop_waiting(*waiting.member);
  cap->release(*busy.member);
  for (int i = 0; i < 2; ++i) cap->release(*waiting.member);
  EXPECT_EQ(cap->used(), 0u);
  cap->leave(busy.member);
  cap->leave(waiting.member);
}

}  // namespace
}  // namespace sallyport::relay
