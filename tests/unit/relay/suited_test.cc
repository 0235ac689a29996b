// What an upstream can't take: refused before a word is said, and another one asked.
#include "proxy/relay/suited.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Case {
  const char* name;
  std::function<void(message::Message&)> change;
  std::vector<std::string> lacking;  // what the upstream offers that isn't enough
  std::vector<std::string> enough;
  std::string reply;  // the client's
  bool eight_bit = true;
};

void say_smtputf8(message::Message& message) { message.envelope.parameters.smtputf8 = true; }

std::vector<Case> all_cases() {
  const auto require_tls = [](message::Message& message) {
    message.envelope.parameters.require_tls = true;
  };
  const auto binary = [](message::Message& message) {
    message.envelope.parameters.body = smtp::BodyType::kBinarymime;
    message.is_binary = true;
  };
  const auto binary_and_8bit = [](message::Message& message) {
    message.is_binary = true;
    message.has_8bit = true;
  };
  const auto has_8bit = [](message::Message& message) { message.has_8bit = true; };
  const auto reverse_path = [](message::Message& message) {
    say_smtputf8(message);
    message.envelope.reverse_path.mailbox->local = "dörte";
  };
  const auto forward_path = [](message::Message& message) {
    say_smtputf8(message);
    message.envelope.recipients.back().forward_path.domain = "dörfer.example";
  };
  const auto original = [](message::Message& message) {
    say_smtputf8(message);
    message.envelope.recipients.back().parameters.orcpt = "utf-8;dörte@there.example";
  };
  const auto header = [](message::Message& message) {
    say_smtputf8(message);
    message.has_8bit = true;
    message.has_8bit_header = true;
  };
  return {
      {"require TLS", require_tls, {}, {"REQUIRETLS"}, "550 5.7.30 "},
      {"binary, no BINARYMIME", binary, {"CHUNKING"}, {"CHUNKING", "BINARYMIME"}, "554 5.6.1 "},
      {"binary, no CHUNKING", binary, {"BINARYMIME"}, {"CHUNKING", "BINARYMIME"}, "554 5.6.1 "},
      {"binary and 8-bit", binary_and_8bit, {}, {"CHUNKING", "BINARYMIME"}, "554 5.6.1 "},
      {"8-bit", has_8bit, {"CHUNKING", "BINARYMIME"}, {"8BITMIME"}, "554 5.6.3 ", false},
      {"reverse-path", reverse_path, {}, {"SMTPUTF8"}, "550 5.6.7 "},
      {"forward-path", forward_path, {}, {"SMTPUTF8"}, "553 5.6.7 "},
      {"original recipient", original, {"DSN"}, {"DSN", "SMTPUTF8"}, "553 5.6.7 "},
      {"header section", header, {}, {"SMTPUTF8"}, "554 5.6.9 "},
  };
}

/// A transaction of whatever was said in MAIL and RCPT.
std::string transaction(const message::Message& message) {
  return message.is_binary
             ? "P: MAIL FROM:*\nP: RCPT TO:*\nU: 250 ok\nU: 250 ok\nP! bdat\nU: 250 ok\n"
             : "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 250 ok\nU: 250 ok\nU: 354 go\n"
               "P! content\nU: 250 ok\n";
}

TEST(Suited, TheClientHearsWhatTheUpstreamLacks) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(c.name);
    World world({upstream("a")});
    const scripts::Upstream lacking{.eight_bit = c.eight_bit, .offers = c.lacking};
    // Nothing is said, and the connection is good for the next message.
    world.host("a").scripts = {lacking.opening() + lacking.transaction()};
    message::Message message = world.message();
    c.change(message);
    const Delivery delivery = world.deliver(message);
    EXPECT_EQ(delivery.outcome, Outcome::kRefused);
    EXPECT_THAT(delivery.reply.wire(), StartsWith(c.reply));
    EXPECT_THAT(delivery.reply.text(), HasSubstr("upstream a "));
    const auto& counted = world.metrics.for_upstream("a").messages;
    EXPECT_EQ(counted[metrics::UpstreamOutcome::kUnsuited].value(), 1u);
    EXPECT_EQ(counted[metrics::UpstreamOutcome::kRejected].value(), 0u);
    EXPECT_TRUE(world.deliver(world.message()).reused_connection);
  }
}

TEST(Suited, AnotherUpstreamOfTheRouteMayHaveIt) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(c.name);
    World world({upstream("a"), upstream("b")});
    const scripts::Upstream lacking{.eight_bit = c.eight_bit, .offers = c.lacking};
    const scripts::Upstream enough{.eight_bit = c.eight_bit, .offers = c.enough};
    message::Message message = world.message();
    c.change(message);
    world.host("a").scripts = {lacking.opening()};
    world.host("b").scripts = {enough.opening() + transaction(message)};
    const Delivery delivery = world.deliver(message);
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    EXPECT_EQ(delivery.upstream, "b");
    EXPECT_EQ(delivery.attempts, 2u);
  }
}

TEST(Suited, RequiretlsIsNotForClearConnections) {
  config::Upstream in_clear = upstream("a");
  in_clear.tls = config::TlsMode::kNone;
  World world({in_clear});
  const scripts::Upstream offering{.offers = {"REQUIRETLS"}};
  world.host("a").scripts = {offering.opening()};
  message::Message message = world.message();
  message.envelope.parameters.require_tls = true;
  const Delivery delivery = world.deliver(message);
  EXPECT_EQ(delivery.outcome, Outcome::kRefused);
  EXPECT_THAT(delivery.reply.wire(), StartsWith("550 5.7.30 "));
  EXPECT_EQ(world.host("a").secured, 0);
}

TEST(Suited, WhatWasOfferedBeforeStarttlsDoesNotCount) {
  config::Upstream with_starttls = upstream("a");
  with_starttls.tls = config::TlsMode::kStarttls;
  World world({with_starttls});
  world.host("a").scripts = {
      "U: 220 up.example\nP: EHLO gw.example\nU: 250-up.example\nU: 250-REQUIRETLS\n"
      "U: 250 STARTTLS\nP: STARTTLS\nU: 220 Go ahead\n" +
      scripts::Upstream{}.ehlo() + "P: AUTH PLAIN *\nU: 235 ok\n"};
  message::Message message = world.message();
  message.envelope.parameters.require_tls = true;
  EXPECT_THAT(world.deliver(message).reply.wire(), StartsWith("550 5.7.30 "));
}

TEST(Suited, SizeIsHeldAgainstTheSmallerLimit) {
  const struct {
    const char* offered;
    std::uint64_t configured;
    std::size_t octets;
    bool fits;
  } cases[] = {
      {"SIZE 1000", 0, 1000, true},     {"SIZE 1000", 0, 1001, false},
      {"SIZE 1000", 500, 500, true},    {"SIZE 1000", 500, 501, false},
      {"SIZE 1000", 2000, 1001, false}, {"SIZE", 0, 100'000, true},
      {"SIZE 0", 500, 501, false},      {"HELP", 500, 501, false},
      {"HELP", 0, 100'000, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.offered) + " " + std::to_string(c.octets));
    config::Upstream limited = upstream("a");
    limited.max_message_size = c.configured;
    World world({limited});
    const scripts::Upstream offering{.size = false, .offers = {c.offered}};
    const message::Message message =
        world.message({"to@there.example"}, std::string(c.octets, 'x'));
    world.host("a").scripts = {offering.opening() + (c.fits ? transaction(message) : "")};
    const Delivery delivery = world.deliver(message);
    EXPECT_EQ(delivery.outcome, c.fits ? Outcome::kDelivered : Outcome::kRefused);
    if (!c.fits) EXPECT_THAT(delivery.reply.wire(), StartsWith("552 5.3.4 "));
  }
}

TEST(Suited, AnUpstreamThatMayTakeItLaterOutweighsOneThatNeverCan) {
  for (const bool unsuited_first : {true, false}) {
    World world({upstream("a"), upstream("b")});
    const scripts::Upstream seven_bit{.eight_bit = false};
    world.host(unsuited_first ? "a" : "b").scripts = {seven_bit.opening()};
    world.host(unsuited_first ? "b" : "a").scripts = {"D! refuse"};
    message::Message message = world.message();
    message.has_8bit = true;
    const Delivery delivery = world.deliver(message);
    EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
    EXPECT_THAT(delivery.reply.wire(), StartsWith("451 4.4.1 "));
  }
}

// ---- LIMITS (RFC 9422) --------------------------------------------------------------------------

std::vector<std::string> recipients(std::size_t count) {
  std::vector<std::string> all;
  all.reserve(count);
  for (std::size_t i = 0; i < count; ++i) all.push_back("r" + std::to_string(i) + "@x.example");
  return all;
}

const scripts::Upstream kTakesTwo{.offers = {"LIMITS RCPTMAX=2"}};
const std::string kTwo =
    "P: MAIL FROM:*\nP: RCPT TO:<r0@x.example>\nP: RCPT TO:<r1@x.example>\nP: DATA\n"
    "U: 250 ok\nU: 250 ok\nU: 250 ok\nU: 354 go\nP! content\nU: 250 ok\n";

TEST(Limits, MoreRecipientsThanRcptmaxComeAgainAndAreSplitAtRcpt) {
  World world({upstream("a")});
  world.host("a").scripts = {kTakesTwo.opening() + kTwo};
  const message::Message too_many = world.message(recipients(3));
  EXPECT_EQ(world.relay().max_recipients(too_many.envelope.reverse_path, {}), 1000u);
  const Delivery delivery = world.deliver(too_many);
  EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
  EXPECT_EQ(delivery.reply.wire(),
            "452 4.5.3 id1 not sent: it has 3 recipients, and upstream a takes 2 at a time\r\n");
  // What the session asks at MAIL: the third RCPT will hear 452 4.5.3.
  EXPECT_EQ(world.relay().max_recipients(too_many.envelope.reverse_path, {}), 2u);
  EXPECT_EQ(world.deliver(world.message(recipients(2))).outcome, Outcome::kDelivered);
}

TEST(Limits, TheConfigMayAllowLess) {
  config::Upstream careful = upstream("a");
  careful.max_recipients = 1;
  World world({careful});
  world.host("a").scripts = {kTakesTwo.opening() + kTakesTwo.transaction()};
  const message::Message message = world.message();
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.relay().max_recipients(message.envelope.reverse_path, {}), 1u);
}

TEST(Limits, RcptmaxIsThatOfTheLastEhlo) {
  config::Upstream one_each = upstream("a");
  one_each.max_messages_per_connection = 1;
  World world({one_each});
  const scripts::Upstream unlimited;
  world.host("a").scripts = {kTakesTwo.opening() + kTakesTwo.transaction(),
                             unlimited.opening() + unlimited.transaction()};
  const message::Message message = world.message();
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.relay().max_recipients(message.envelope.reverse_path, {}), 2u);
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.relay().max_recipients(message.envelope.reverse_path, {}), 1000u);
}

TEST(Limits, AnotherUpstreamMayTakeThemAll) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream unlimited;
  world.host("a").scripts = {kTakesTwo.opening()};
  world.host("b").scripts = {
      unlimited.opening() +
      "P: MAIL FROM:*\nP: RCPT TO:<r0@x.example>\nP: RCPT TO:<r1@x.example>\n"
      "P: RCPT TO:<r2@x.example>\nP: DATA\nU: 250 ok\nU: 250 ok\nU: 250 ok\nU: 250 ok\n"
      "U: 354 go\nP! content\nU: 250 ok\n"};
  EXPECT_EQ(world.deliver(world.message(recipients(3))).outcome, Outcome::kDelivered);
}

TEST(Limits, TooManyRecipientsOutweighWhatCanNeverBeTaken) {
  for (const bool limited_first : {true, false}) {
    World world({upstream("a"), upstream("b")});
    const scripts::Upstream seven_bit{.eight_bit = false};
    world.host(limited_first ? "a" : "b").scripts = {kTakesTwo.opening()};
    world.host(limited_first ? "b" : "a").scripts = {seven_bit.opening()};
    message::Message message = world.message(recipients(3));
    message.has_8bit = true;
    EXPECT_THAT(world.deliver(message).reply.wire(), StartsWith("452 4.5.3 "));
  }
}

TEST(Limits, AConnectionEndsAfterMailmaxTransactions) {
  World world({upstream("a")});
  const scripts::Upstream brief{.offers = {"LIMITS MAILMAX=2"}};
  const std::string goodbye = "P: QUIT\nU: 221 Bye\nU! close\n";
  // A transaction that was refused counts as well.
  world.host("a").scripts = {brief.opening() + brief.transaction() +
                                 brief.transaction(Stage::kMail, scripts::Fault::k5xx) + goodbye,
                             brief.opening() + brief.transaction() + brief.transaction() + goodbye,
                             brief.opening() + brief.transaction()};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(world.deliver(world.message()).outcome,
              i == 1 ? Outcome::kRefused : Outcome::kDelivered);
  }
  EXPECT_EQ(world.host("a").dials, 3);
  const auto& closed = world.metrics.for_upstream("a").connections_closed;
  EXPECT_EQ(closed[metrics::CloseReason::kMessages].value(), 2u);
}

}  // namespace
}  // namespace sallyport::relay
