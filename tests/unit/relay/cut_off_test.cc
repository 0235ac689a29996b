// A relay that is cut off while messages are under way: nothing new is begun.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "proxy/runtime/event.h"
#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using scripts::Fault;

const scripts::Upstream kGood;

struct Second {
  Delivery delivery;
  Duration took{};
  int dials = 0;  ///< Of all upstreams, when the relay was cut off.
};

/// Delivers one message, and a second one that is cut off when it has been under way for
/// `patience`.
Second deliver_two(World& world, Duration patience, bool first_of_two) {
  const auto one = [](World& w, const message::Message& message, Second& second) -> Task<void> {
    const TimePoint begun = w.loop.now();
    second.delivery = co_await w.relay().deliver(message, w.loop.after(1h));
    second.took = w.loop.now() - begun;
  };
  const auto main = [](World& w, const message::Message& first, const message::Message& next,
                       Duration span, bool is_first, auto deliver, Second& second) -> Task<void> {
    const Delivery warm = co_await w.relay().deliver(first, w.loop.after(1h));
    EXPECT_EQ(warm.outcome, Outcome::kDelivered);
    runtime::TaskGroup group(w.loop);
    group.spawn(deliver(w, next, second));
    const TimePoint when = w.loop.after(span);
    runtime::Event later(w.loop);
    // Of two timers that end in the same moment the one that was armed first is acted on first.
    if (!is_first) (void)co_await later.wait(w.loop.after(1ms));
    (void)co_await later.wait(when);
    second.dials = w.host("a").dials + w.host("b").dials;
    w.relay().cut_off();
    (void)co_await group.join();
  };
  (void)world.relay();
  const message::Message first = world.message();
  const message::Message next = world.message();
  Second second;
  world.loop.run(main(world, first, next, patience, first_of_two, one, second));
  // Scripts that were cut off, or never begun, do not end as they were written.
  world.end();
  world.host("a").scripts.clear();
  world.host("b").scripts.clear();
  world.faults.clear();
  return second;
}

/// "a" has carried a message and is silent in the middle of the second one. The relay is cut off in
/// the moment in which "a" is given up, before and after that is acted on.
void nothing_new_begins(Stage at) {
  const auto play = [at](World& world, Duration patience, bool first_of_two) {
    world.host("a").scripts = {
        kGood.opening() + kGood.transaction() + kGood.transaction(at, Fault::kStall), "D! refuse"};
    world.host("b").scripts = {kGood.opening() + kGood.transaction()};
    return deliver_two(world, patience, first_of_two);
  };
  World whole({upstream("a"), upstream("b")});
  const Second usual = play(whole, 1h, true);
  EXPECT_EQ(usual.delivery.upstream, "b");
  for (const bool first_of_two : {true, false}) {
    SCOPED_TRACE(first_of_two);
    World cut({upstream("a"), upstream("b")});
    const Second second = play(cut, usual.took, first_of_two);
    EXPECT_EQ(second.took, usual.took);
    EXPECT_EQ(second.delivery.outcome, Outcome::kDeferred);
    EXPECT_EQ(second.delivery.reply.code, 451) << second.delivery.reply.wire();
    EXPECT_EQ(cut.host("a").dials + cut.host("b").dials, second.dials);
  }
}

TEST(CutOff, AMessageThatFailedGoesToNoOtherUpstream) { nothing_new_begins(Stage::kRcpt); }

TEST(CutOff, AMessageWhoseConnectionHadEndedGetsNoOtherConnection) {
  nothing_new_begins(Stage::kMail);
}

TEST(CutOff, TheRelayDeliversNoMore) {
  World world({upstream("a")});
  world.host("a").scripts = {kGood.opening() + kGood.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  world.relay().cut_off();
  const Delivery late = world.deliver(world.message());
  EXPECT_EQ(late.outcome, Outcome::kDeferred);
  EXPECT_EQ(late.reply.wire(),
            "451 4.3.2 id2 not sent, try again later: sallyport is stopping\r\n");
}

}  // namespace
}  // namespace sallyport::relay
