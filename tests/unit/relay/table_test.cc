// The table "What the client hears" of docs/architecture.md: each fault at each stage, with and
// without PIPELINING, on new and reused connections, with and without another upstream.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "proxy/relay/relay.h"
#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using scripts::Fault;
using testing::HasSubstr;
using testing::StartsWith;

constexpr Stage kOpeningStages[] = {Stage::kGreeting, Stage::kEhlo, Stage::kAuth};
constexpr Stage kMailStages[] = {Stage::kMail, Stage::kRcpt, Stage::kData, Stage::kEnd};

struct Case {
  Stage stage;
  Fault fault;
  bool pipelining;
  bool binary = false;

  scripts::Upstream upstream() const { return {.pipelining = pipelining, .binary = binary}; }
  message::Message message(World& world) const {
    message::Message made = world.message();
    made.is_binary = binary;
    return made;
  }
  bool is_opening() const { return stage < Stage::kRset; }
  /// What a new connection plays.
  std::string script() const {
    if (is_opening()) return upstream().opening(stage, fault);
    return upstream().opening() + upstream().transaction(stage, fault);
  }
  /// The replies to a flight are missing: the upstream may offer PIPELINING and not keep it, and
  /// is tried without it.
  bool is_tried_in_steps() const {
    if (!pipelining || is_opening() || stage == Stage::kEnd) return false;
    return fault == Fault::kClose || fault == Fault::kReset ||
           (fault == Fault::kStall && stage != Stage::kMail);
  }
  /// What new connections play.
  std::deque<std::string> scripts() const {
    std::deque<std::string> all = {script()};
    if (is_tried_in_steps()) {
      const scripts::Upstream in_steps{.pipelining = false, .binary = binary};
      all.push_back(upstream().opening() + in_steps.transaction(stage, fault));
    }
    return all;
  }
  bool is_hang_up() const {
    return fault == Fault::k421 || fault == Fault::kClose || fault == Fault::kReset;
  }
  bool has_no_reply() const {
    return fault == Fault::kClose || fault == Fault::kReset || fault == Fault::kStall ||
           fault == Fault::kGarbage;
  }

  Outcome outcome() const {
    if (stage == Stage::kEnd && has_no_reply()) return Outcome::kUnknown;
    if (!is_opening() && fault == Fault::k5xx) return Outcome::kRefused;
    return Outcome::kDeferred;
  }

  std::string reply() const {
    if (outcome() == Outcome::kRefused) return "550 5.7.1 Never (id";
    if (stage == Stage::kAuth && fault == Fault::k5xx) return "451 4.7.0 ";
    if (fault == Fault::k421) return "451 4.4.5 ";
    if (!has_no_reply()) return "451 4.4.0 ";
    return stage == Stage::kGreeting ? "451 4.4.1 " : "451 4.4.2 ";
  }
};

std::string print(const Case& c) {
  return std::string(name(c.stage)) + " " + std::string(name(c.fault)) +
         (c.pipelining ? " pipelined" : "") + (c.binary ? " binary" : "");
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const bool pipelining : {true, false}) {
    for (const Fault fault : scripts::kFaults) {
      for (const Stage stage : kOpeningStages) cases.push_back({stage, fault, pipelining});
      for (const Stage stage : kMailStages) cases.push_back({stage, fault, pipelining});
      for (const Stage stage : kMailStages) {  // BDAT comes with the content, and has no 354
        if (stage != Stage::kData) cases.push_back({stage, fault, pipelining, true});
      }
    }
  }
  return cases;
}

TEST(WhatTheClientHears, WhenTheOnlyUpstreamFails) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(print(c));
    World world({upstream("a")});
    world.host("a").scripts = c.scripts();
    const Delivery delivery = world.deliver(c.message(world));
    EXPECT_EQ(delivery.outcome, c.outcome());
    EXPECT_THAT(delivery.reply.wire(), StartsWith(c.reply()));
    EXPECT_EQ(delivery.upstream, "a");
    EXPECT_EQ(delivery.attempts, 1u);
    EXPECT_EQ(world.host("a").dials, c.is_tried_in_steps() ? 2 : 1);
    if (c.fault == Fault::k4xx) EXPECT_THAT(delivery.reply.text(), HasSubstr("450 4.2.0 Later"));
    if (delivery.outcome != Outcome::kRefused) {
      EXPECT_THAT(delivery.reply.text(), HasSubstr("id1"));
    }
  }
}

TEST(WhatTheClientHears, WhenAnotherUpstreamIsThere) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(print(c));
    World world({upstream("a"), upstream("b")});
    const scripts::Upstream good = c.upstream();
    world.host("a").scripts = c.scripts();
    const bool moves_on = c.outcome() == Outcome::kDeferred;
    if (moves_on) world.host("b").scripts = {good.opening() + good.transaction()};
    const Delivery delivery = world.deliver(c.message(world));
    EXPECT_EQ(delivery.outcome, moves_on ? Outcome::kDelivered : c.outcome());
    EXPECT_EQ(delivery.upstream, moves_on ? "b" : "a");
    EXPECT_EQ(delivery.attempts, moves_on ? 2u : 1u);
    EXPECT_EQ(world.host("b").dials, moves_on ? 1 : 0);
  }
}

TEST(WhatTheClientHears, WhenAReusedConnectionFails) {
  for (const Case& c : all_cases()) {
    if (c.is_opening()) continue;
    SCOPED_TRACE(print(c));
    World world({upstream("a")});
    const scripts::Upstream& good = c.upstream();
    world.host("a").scripts = {good.opening() + good.transaction() +
                               good.transaction(c.stage, c.fault)};
    // Nothing was handed over: however far the commands came, a new connection is used. Silence at
    // the first reply is the same: a NAT may have forgotten the connection.
    const bool was_dead = c.stage != Stage::kEnd &&
                          (c.is_hang_up() || (c.stage == Stage::kMail && c.fault == Fault::kStall));
    if (was_dead) world.host("a").scripts.push_back(good.opening() + good.transaction());
    EXPECT_EQ(world.deliver(c.message(world)).outcome, Outcome::kDelivered);
    world.pass(std::chrono::seconds(5));  // else a chunk goes along with its commands
    const Delivery second = world.deliver(c.message(world));
    EXPECT_EQ(second.outcome, was_dead ? Outcome::kDelivered : c.outcome());
    if (!was_dead) EXPECT_THAT(second.reply.wire(), StartsWith(c.reply()));
    EXPECT_EQ(second.attempts, 1u);
    EXPECT_EQ(second.reused_connection, !was_dead);
    const auto& counted = world.metrics.for_upstream("a").messages;
    EXPECT_EQ(counted[metrics::UpstreamOutcome::kAccepted].value(), was_dead ? 2u : 1u);
  }
}

TEST(WhatTheClientHears, WhenRsetFindsTheConnectionDead) {
  for (const bool pipelining : {true, false}) {
    for (const Fault fault : scripts::kFaults) {
      SCOPED_TRACE(std::string(name(fault)) + (pipelining ? " pipelined" : ""));
      World world({upstream("a")});
      const scripts::Upstream good{.pipelining = pipelining};
      world.host("a").scripts = {good.opening() + good.transaction(Stage::kRcpt, Fault::k5xx) +
                                 good.transaction(Stage::kRset, fault, true)};
      const bool was_dead = fault != Fault::kGarbage;
      if (was_dead) world.host("a").scripts.push_back(good.opening() + good.transaction());
      EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kRefused);
      const Delivery second = world.deliver(world.message());
      EXPECT_EQ(second.outcome, was_dead ? Outcome::kDelivered : Outcome::kDeferred);
    }
  }
}

TEST(WhatTheClientHears, WhenADeadConnectionIsFollowedByAnother) {
  World world({upstream("a")});
  const scripts::Upstream good;
  world.host("a").scripts = {
      good.opening() + good.transaction() + good.transaction(Stage::kMail, Fault::kClose),
      good.opening() + good.transaction(Stage::kMail, Fault::kClose),
      good.opening() +
          scripts::Upstream{.pipelining = false}.transaction(Stage::kMail, Fault::kClose)};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  const Delivery second = world.deliver(world.message());  // once more, and once without PIPELINING
  EXPECT_EQ(second.outcome, Outcome::kDeferred);
  EXPECT_THAT(second.reply.wire(), StartsWith("451 4.4.2 "));
}

TEST(WhatTheClientHears, WhenAReusedConnectionTimedOut) {
  for (const char* const reply : {"451 4.4.2 Timeout waiting for data from client.",
                                  "451 Timeout: closing", "451 4.4.2 whatever"}) {
    SCOPED_TRACE(reply);
    World world({upstream("a")});
    const scripts::Upstream good{.pipelining = false};
    world.host("a").scripts = {
        good.opening() + good.transaction() + "P: MAIL FROM:*\nU: " + reply + "\nU! close\n",
        good.opening() + good.transaction()};
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  }
}

TEST(WhatTheClientHears, WhenTheLoginOfAReusedConnectionLapsed) {
  for (const char* const replies :
       {"U: 530 5.7.0 Authentication required\nU: 503 5.5.1 MAIL first\nU: 503 5.5.1 RCPT first\n",
        "U: 250 ok\nU: 530 5.7.0 Authentication required\nU: 503 5.5.1 RCPT first\n",
        "U: 250 ok\nU: 250 ok\nU: 530 5.7.0 Authentication required\n"}) {
    SCOPED_TRACE(replies);
    World world({upstream("a")});
    const scripts::Upstream good;
    world.host("a").scripts = {
        good.opening() + good.transaction() + "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\n" + replies,
        good.opening() + good.transaction()};
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    const auto& counted = world.metrics.for_upstream("a").messages;
    EXPECT_EQ(counted[metrics::UpstreamOutcome::kFailed].value(), 0u);
  }
}

TEST(WhatTheClientHears, WhenNoConnectionComesAbout) {
  const struct {
    const char* script;
    const char* reply;
  } cases[] = {{"D! refuse", "451 4.4.1 id1 not sent, try again later: upstream a, connect: "},
               {"D! timeout", "451 4.4.1 "},
               {"D! unresolved", "451 4.4.3 "},
               {"D! tls", "451 4.7.0 "}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.script);
    World alone({upstream("a")});
    alone.host("a").scripts = {c.script};
    const Delivery deferred = alone.deliver(alone.message());
    EXPECT_EQ(deferred.outcome, Outcome::kDeferred);
    EXPECT_THAT(deferred.reply.wire(), StartsWith(c.reply));

    World world({upstream("a"), upstream("b")});
    const scripts::Upstream good;
    world.host("a").scripts = {c.script};
    world.host("b").scripts = {good.opening() + good.transaction()};
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  }
}

}  // namespace
}  // namespace sallyport::relay
