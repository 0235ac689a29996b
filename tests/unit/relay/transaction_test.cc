// One mail transaction: what is said, in how many flights, and what is never said.
#include "proxy/relay/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using scripts::Fault;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const scripts::Upstream kPipelining{.pipelining = true};
const scripts::Upstream kSequential{.pipelining = false};

const std::string kMailThree =
    "P: MAIL FROM:<from@here.example> SIZE=*\nP: RCPT TO:<a@x.example>\n"
    "P: RCPT TO:<b@x.example>\nP: RCPT TO:<c@x.example>\nP: DATA\n";
const std::vector<std::string> kThree = {"a@x.example", "b@x.example", "c@x.example"};

TEST(Transaction, DotsAreDoubledAndTheLastLineIsEnded) {
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() + kPipelining.transaction()};
  EXPECT_EQ(world.deliver(world.message({"to@there.example"}, ".\r\n..x\r\nlast")).outcome,
            Outcome::kDelivered);
  EXPECT_THAT(world.host("a").contents, ElementsAre("..\r\n...x\r\nlast\r\n"));
}

TEST(Transaction, TenKilobytesLeaveInOneWrite) {
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() + kPipelining.transaction()};
  std::string content;
  for (int i = 0; i < 200; ++i) content += std::string(50, 'x') + "\r\n.dot\r\n";
  EXPECT_EQ(world.deliver(world.message({"to@there.example"}, content)).outcome,
            Outcome::kDelivered);
  EXPECT_EQ(world.host("a").last_stream->writes(), 2u + 2u);
}

TEST(Transaction, ABodyInAFileArrivesWhole) {
  World world({upstream("a")});
  world.storage.memory_threshold = 1000;
  world.host("a").scripts = {
      kPipelining.opening() +
      "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\n"
      "U: 250 ok\nU: 250 ok\nU: 354 go\nP! content\nU: 250 Ok: queued as 1\n"};
  std::string content;
  for (int i = 0; content.size() < 900'000; ++i) content += std::to_string(i) + ".line\r\n";
  const auto spill = [](World& w, message::Message& m) -> runtime::Task<void> {
    while (m.body.flush_due()) EXPECT_TRUE(co_await m.body.flush(w.loop));
  };
  message::Message message = world.message({"to@there.example"}, content);
  world.loop.run(spill(world, message));
  EXPECT_GT(message.body.in_file(), 0u);
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
  EXPECT_TRUE(world.host("a").contents.at(0) == content);
}

TEST(Transaction, AnEmptyBodyIsAMessageToo) {
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() + kPipelining.transaction()};
  EXPECT_EQ(world.deliver(world.message({"to@there.example"}, "")).outcome, Outcome::kDelivered);
}

TEST(Transaction, SaysOnlyWhatTheUpstreamOffers) {
  const scripts::Upstream bare{.pipelining = false, .size = false, .eight_bit = false};
  World world({upstream("a")});
  world.host("a").scripts = {bare.opening() + bare.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
}

TEST(Transaction, EightBitContentIsDeclared) {
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() +
                             "P: MAIL FROM:<from@here.example> SIZE=6 BODY=8BITMIME\nP: RCPT TO:*\n"
                             "P: DATA\nU: 250 ok\nU: 250 ok\nU: 354 go\nP! content\nU: 250 ok\n"};
  message::Message message = world.message({"to@there.example"}, "gr\xc3\xbc\r\n");
  message.has_8bit = true;
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
}

TEST(Transaction, WhatTheUpstreamCantTakeIsRefusedBeforeAWord) {
  {
    const scripts::Upstream seven_bit{.eight_bit = false};
    World world({upstream("a")});
    world.host("a").scripts = {seven_bit.opening()};
    message::Message message = world.message();
    message.has_8bit = true;
    const Delivery delivery = world.deliver(message);
    EXPECT_EQ(delivery.outcome, Outcome::kRefused);
    EXPECT_THAT(delivery.reply.wire(), StartsWith("554 5.6.3 "));
  }
  for (const bool by_config : {false, true}) {
    config::Upstream small = upstream("a");
    if (by_config) small.max_message_size = 1000;
    World world({small});
    world.host("a").scripts = {kPipelining.opening()};
    const Delivery delivery = world.deliver(
        world.message({"to@there.example"}, std::string(by_config ? 1001 : 1'000'001, 'x')));
    EXPECT_EQ(delivery.outcome, Outcome::kRefused);
    EXPECT_THAT(delivery.reply.wire(), StartsWith("552 5.3.4 "));
  }
}

TEST(Transaction, WhatOneUpstreamCantTakeAnotherMay) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream seven_bit{.eight_bit = false};
  world.host("a").scripts = {seven_bit.opening()};
  world.host("b").scripts = {kPipelining.opening() +
                             "P: MAIL FROM:* BODY=8BITMIME\nP: RCPT TO:*\nP: DATA\n"
                             "U: 250 ok\nU: 250 ok\nU: 354 go\nP! content\nU: 250 ok\n"};
  message::Message message = world.message();
  message.has_8bit = true;
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
}

TEST(Transaction, APartialRefusalSendsNothing) {
  // Pipelined, the upstream waits for content already: only closing is left.
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() + kMailThree +
                                 "U: 250 ok\nU: 250 ok\nU: 550 5.1.1 No such user\n"
                                 "U: 450 4.2.2 Full\nU: 354 Go on\nU! stall\n",
                             kPipelining.opening() + kPipelining.transaction()};
  const Delivery delivery = world.deliver(world.message(kThree));
  EXPECT_EQ(delivery.outcome, Outcome::kRefused);
  EXPECT_EQ(delivery.reply.wire(),
            "550-5.1.1 id1 not sent: 2 of 3 recipients were refused:\r\n"
            "550-5.1.1 <b@x.example>: 550 5.1.1 No such user\r\n"
            "550 5.1.1 <c@x.example>: 450 4.2.2 Full\r\n");
  EXPECT_THAT(world.host("a").contents, ElementsAre());
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
}

TEST(Transaction, APartialRefusalInStepsLeavesTheConnectionGood) {
  World world({upstream("a")});
  world.host("a").scripts = {kSequential.opening() +
                             "P: MAIL FROM:*\nU: 250 ok\nP: RCPT TO:<a@x.example>\nU: 250 ok\n"
                             "P: RCPT TO:<b@x.example>\nU: 550 5.1.1 No such user\n"
                             "P: RCPT TO:<c@x.example>\nU: 250 ok\n" +
                             kSequential.transaction(true)};
  EXPECT_EQ(world.deliver(world.message(kThree)).outcome, Outcome::kRefused);
  const Delivery second = world.deliver(world.message());
  EXPECT_EQ(second.outcome, Outcome::kDelivered);
  EXPECT_TRUE(second.reused_connection);
}

TEST(Transaction, APartialDeferralMovesOnAndNamesTheRecipients) {
  World world({upstream("a"), upstream("b")});
  world.host("a").scripts = {kPipelining.opening() + kMailThree +
                             "U: 250 ok\nU: 250 ok\nU: 450 4.2.2 Full\nU: 250 ok\nU: 354 Go on\n"
                             "U! stall\n"};
  world.host("b").scripts = {kPipelining.opening() + kMailThree +
                             "U: 250 ok\nU: 250 ok\nU: 250 ok\nU: 452 4.2.2 Full\nU: 354 Go on\n"
                             "U! stall\n"};
  const Delivery delivery = world.deliver(world.message(kThree));
  EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
  EXPECT_THAT(delivery.reply.wire(), StartsWith("451-4.4.0 "));
  EXPECT_THAT(delivery.reply.text(), HasSubstr("<c@x.example>: 452 4.2.2 Full"));
  EXPECT_THAT(delivery.upstream_reply, HasSubstr("refused <c@x.example>: 452 4.2.2 Full"));
}

TEST(Transaction, InDeliverModeTheOthersAreSent) {
  World world({upstream("a")});
  world.config().partial_rejection = config::PartialRejection::kDeliver;
  world.host("a").scripts = {kPipelining.opening() + kMailThree +
                             "U: 250 ok\nU: 250 ok\nU: 550 5.1.1 No such user\n"
                             "U: 553 5.1.3 Bad\nU: 354 Go on\nP! content\nU: 250 2.0.0 Ok 7\n"};
  const Delivery delivery = world.deliver(world.message(kThree));
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  EXPECT_EQ(delivery.reply.wire(),
            "250-2.0.0 Not for 2 of 3 recipients, which were refused:\r\n"
            "250-2.0.0 <b@x.example>: 550 5.1.1 No such user\r\n"
            "250-2.0.0 <c@x.example>: 553 5.1.3 Bad\r\n"
            "250 2.0.0 Ok 7\r\n");
  EXPECT_THAT(delivery.upstream_reply,
              StartsWith("250 2.0.0 Ok 7; refused <b@x.example>: 550 5.1.1 No such user"));
}

// Client libraries read the id out of it: Symfony, PHPMailer, nodemailer and Action Mailer know the
// forms of docs/providers.md.
TEST(Transaction, TheFinalReplyGoesOnAsItCame) {
  const struct {
    const char* said;
    const char* heard;
    const char* in_our_words;
  } cases[] = {
      {"250 Ok 0100019900aa-000000", "250 Ok 0100019900aa-000000\r\n",
       "250 2.0.0 Ok: id1 Ok 0100019900aa-000000\r\n"},
      {"250 Ok: queued as 9Xk-Q", "250 Ok: queued as 9Xk-Q\r\n",
       "250 2.0.0 Ok: id1 Ok: queued as 9Xk-Q\r\n"},
      {"250 2.0.0 OK  1234 a1-20 - gsmtp", "250 2.0.0 OK  1234 a1-20 - gsmtp\r\n",
       "250 2.0.0 Ok: id1 OK  1234 a1-20 - gsmtp\r\n"},
      {"250 Great success", "250 Great success\r\n", "250 2.0.0 Ok: id1 Great success\r\n"},
      {"250-Queued\nU: 250 as 7", "250-Queued\r\n250 as 7\r\n",
       "250 2.0.0 Ok: id1 Queued as 7\r\n"},
      {"254 2.7.1 Suppressed", "254 2.7.1 Suppressed\r\n", "250 2.0.0 Ok: id1 Suppressed\r\n"},
      {"250", "250\r\n", "250 2.0.0 Ok: id1 \r\n"},
  };
  for (const auto& c : cases) {
    for (const bool in_our_words : {false, true}) {
      SCOPED_TRACE(c.said);
      World world({upstream("a")});
      if (in_our_words) world.config().session.reply = config::ReplyWords::kOurs;
      world.host("a").scripts = {kPipelining.opening() +
                                 "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 250 ok\nU: 250 ok\n"
                                 "U: 354 go\nP! content\nU: " +
                                 c.said + "\n"};
      EXPECT_EQ(world.deliver(world.message()).reply.wire(),
                in_our_words ? c.in_our_words : c.heard);
    }
  }
}

TEST(Transaction, WhenAllRecipientsAreRefused) {
  using config::PartialRejection;
  const struct {
    PartialRejection mode;
    const char* replies;
    const char* heard;
  } cases[] = {
      {PartialRejection::kReject, "550 5.1.1 a\nU: 550 5.1.1 a\nU: 550 5.1.1 a",
       "550 5.1.1 a (id1)\r\n"},
      {PartialRejection::kDeliver, "550 5.1.1 a\nU: 550 5.1.1 a\nU: 550 5.1.1 a",
       "550 5.1.1 a (id1)\r\n"},
      {PartialRejection::kReject, "550 5.1.1 a\nU: 553 5.1.2 b\nU: 450 4.1.1 c", "550-5.1.1 id1 "},
      // The third may be delivered to later: the others are named then.
      {PartialRejection::kDeliver, "550 5.1.1 a\nU: 553 5.1.2 b\nU: 450 4.1.1 c", "451-4.4.0 id1 "},
      {PartialRejection::kReject, "450 4.1.1 a\nU: 450 4.1.1 a\nU: 450 4.1.1 a", "451 4.4.0 id1 "},
  };
  for (const auto& c : cases) {
    for (const char* const to_data :
         {"U: 554 5.5.1 No valid recipients\n", "U: 354 Go on\nU! stall\n"}) {
      SCOPED_TRACE(std::string(c.replies) + to_data);
      World world({upstream("a")});
      world.config().partial_rejection = c.mode;
      world.host("a").scripts = {kPipelining.opening() + kMailThree + "U: 250 ok\nU: " + c.replies +
                                 "\n" + to_data};
      const Delivery delivery = world.deliver(world.message(kThree));
      EXPECT_THAT(delivery.reply.wire(), StartsWith(c.heard));
      EXPECT_THAT(world.host("a").contents, ElementsAre());
    }
  }
}

TEST(Transaction, MailRefusedNeedsNoRset) {
  for (const auto& upstream_kind : {kPipelining, kSequential}) {
    World world({upstream("a")});
    world.host("a").scripts = {upstream_kind.opening() +
                               upstream_kind.transaction(Stage::kMail, Fault::k5xx) +
                               upstream_kind.transaction()};
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kRefused);
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    EXPECT_EQ(world.host("a").dials, 1);
  }
}

TEST(Transaction, RsetTravelsWithTheNextMail) {
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() +
                             kPipelining.transaction(Stage::kRcpt, Fault::k5xx) +
                             kPipelining.transaction(true) + kPipelining.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kRefused);
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.host("a").last_stream->writes(), 2u + 1u + 2u + 2u);
}

TEST(Transaction, ManyRecipientsGoInFlightsThatCantBlock) {
  World world({upstream("a")});
  std::vector<std::string> recipients;
  std::string script = kPipelining.opening() + "P: MAIL FROM:*\n";
  for (int i = 0; i < 450; ++i) {
    recipients.push_back("r" + std::to_string(i) + "@x.example");
    script += "P: RCPT TO:<" + recipients.back() + ">\n";
    if (i != 198 && i != 398) continue;  // 200 commands in flight: answered before more is said
    for (int j = 0; j < 200; ++j) script += "U: 250 ok\n";
  }
  script += "P: DATA\n";
  for (int j = 0; j < 51; ++j) script += "U: 250 ok\n";
  world.host("a").scripts = {script + "U: 354 go\nP! content\nU: 250 ok\n"};
  EXPECT_EQ(world.deliver(world.message(recipients)).outcome, Outcome::kDelivered);
}

TEST(Transaction, ARejectionInTheMiddleOfTheContentIsHeard) {
  for (const bool resets : {false, true}) {
    World world({upstream("a")});
    world.host("a").stream.capacity = 1000;
    world.host("a").scripts = {kPipelining.opening() +
                               "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 250 ok\nU: 250 ok\n"
                               "U: 354 go\nP: xxx*\nU: 552 5.2.3 Too large\n" +
                               (resets ? "U! reset\n" : "U! stall\n")};
    std::string content;
    for (int i = 0; i < 1000; ++i) content += std::string(60, 'x') + "\r\n";
    const Delivery delivery = world.deliver(world.message({"to@there.example"}, content));
    if (resets) {
      // What a reset leaves of the reply is the kernel's affair; the message was not handed over.
      EXPECT_NE(delivery.outcome, Outcome::kUnknown);
      EXPECT_NE(delivery.outcome, Outcome::kDelivered);
    } else {
      EXPECT_EQ(delivery.reply.wire(), "552 5.2.3 Too large (id1)\r\n");
    }
  }
}

TEST(Transaction, AnUpstreamLostInTheMiddleOfTheContentHasNothing) {
  for (const char* const end : {"U! reset\n", "U! close\n"}) {
    World world({upstream("a"), upstream("b")});
    world.host("a").stream.capacity = 1000;
    const std::string start =
        kPipelining.opening() + "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 250 ok\nU: 250 ok\n";
    world.host("a").scripts = {start + "U: 354 go\nP: xxx*\n" + (std::string("U! reset\n"))};
    world.host("b").scripts = {start + "U: 354 go\nP! content\nU: 250 ok\n"};
    std::string content;
    for (int i = 0; i < 1000; ++i) content += std::string(60, 'x') + "\r\n";
    const Delivery delivery = world.deliver(world.message({"to@there.example"}, content));
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered) << end;
    EXPECT_EQ(delivery.upstream, "b");
    EXPECT_TRUE(world.host("b").contents.at(0) == content);
  }
}

TEST(Transaction, WaitsAsLongAsRfc5321AsksAndNoLonger) {
  const struct {
    Stage stage;
    Duration patience;
    const char* error;
  } cases[] = {{Stage::kMail, 5min, "MAIL: "},
               {Stage::kRcpt, 5min, "RCPT: "},
               {Stage::kData, 2min, "DATA: "},
               {Stage::kEnd, 10min, "end of DATA: "}};
  for (const auto& c : cases) {
    for (const Duration at_most : {Duration(60min), Duration(45s)}) {
      SCOPED_TRACE(c.error);
      World world({upstream("a")});
      world.host("a").scripts = {kSequential.opening() +
                                 kSequential.transaction(c.stage, Fault::kStall)};
      const TimePoint begun = world.loop.now();
      const Delivery delivery = world.deliver(world.message(), at_most);
      EXPECT_EQ(world.loop.now() - begun, std::min(c.patience, at_most));
      EXPECT_THAT(delivery.upstream_reply, StartsWith(c.error));
    }
  }
}

TEST(Transaction, TheReplyIsTheVerdictWhateverComesAfter) {
  // MAIL is refused, and then the upstream neither answers the rest nor hangs up.
  World world({upstream("a")});
  world.host("a").scripts = {
      kPipelining.opening() +
      "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 550 5.7.1 Never\nU! stall\n"};
  const TimePoint begun = world.loop.now();
  EXPECT_EQ(world.deliver(world.message()).reply.wire(), "550 5.7.1 Never (id1)\r\n");
  EXPECT_LE(world.loop.now() - begun, 10s);
}

const std::string kFlight = "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\n";

TEST(Transaction, AnEarlyReplyIsNotTheVerdict) {
  const struct {
    const char* replies;
    const char* why;
    bool in_steps = false;  // a new connection is tried once more, without PIPELINING
  } cases[] = {
      {"U: 250 ok\nU: 250 ok\nU: 354 go\nU: 250 2.0.0 Ok, early\nU! stall\n", "more than"},
      {"U: 250 ok\nU: 250 ok\nU: 354 go\nU: 554 5.0.0 early\nU! stall\n", "more than"},
      {"U: 250 ok\nU: 250 ok\nU: 354 go\nU: 250-begun\nU! stall\n", "more than"},
      {"U: 250 ok\nU: 250 ok\nU: 354 go\nU: 421 4.3.2 Closing\nU! close\n", "421 4.3.2"},
      {"U: 250 ok\nU: 250 ok\nU: 250 one too many\nU: 354 go\nU! stall\n", "unexpected reply",
       true},
  };
  const std::string in_steps =
      kPipelining.opening() + kSequential.transaction(Stage::kMail, Fault::kGarbage);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.replies);
    World world({upstream("a"), upstream("b")});
    world.host("a").scripts = {kPipelining.opening() + kFlight + c.replies};
    if (c.in_steps) world.host("a").scripts.push_back(in_steps);
    world.host("b").scripts = {kPipelining.opening() + kPipelining.transaction()};
    const Delivery delivery = world.deliver(world.message());
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    EXPECT_EQ(delivery.upstream, "b");
    EXPECT_THAT(world.host("a").contents, ElementsAre());

    // And on a reused connection: once more on a new one of the same upstream.
    World again({upstream("a")});
    again.host("a").scripts = {kPipelining.opening() + kPipelining.transaction() + kFlight +
                               c.replies};
    again.host("a").scripts.push_back(kPipelining.opening() + kPipelining.transaction());
    EXPECT_EQ(again.deliver(again.message()).outcome, Outcome::kDelivered);
    EXPECT_EQ(again.deliver(again.message()).outcome, Outcome::kDelivered);

    // Alone, it is told why.
    World alone({upstream("a")});
    alone.host("a").scripts = {kPipelining.opening() + kFlight + c.replies};
    if (c.in_steps) {
      alone.host("a").scripts.push_back(kPipelining.opening() + "P: MAIL FROM:*\nU: 334 go\n");
    }
    EXPECT_THAT(alone.deliver(alone.message()).upstream_reply, HasSubstr(c.why));
  }
}

TEST(Transaction, AReplyBeforeAnythingWasSaidIsNotTheAnswerToMail) {
  for (const auto& kind : {kPipelining, kSequential}) {
    World world({upstream("a")});
    world.host("a").scripts = {kind.opening() + "U: 250 2.1.0 Unasked\nU! stall\n"};
    const Delivery delivery = world.deliver(world.message());
    EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
    EXPECT_THAT(delivery.upstream_reply, HasSubstr("more than it was asked for"));
  }
}

TEST(Transaction, AReplyTooManyBetweenCommandsIsFoundOut) {
  World world({upstream("a")});
  world.host("a").scripts = {kSequential.opening() +
                             "P: MAIL FROM:*\nU: 250 ok\nU: 250 again\nU! stall\n"};
  const Delivery delivery = world.deliver(world.message());
  EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
  EXPECT_THAT(delivery.upstream_reply, HasSubstr("more than it was asked for"));
}

TEST(Transaction, FinalRepliesThatContradictEachOtherAreNoVerdict) {
  for (const char* const replies : {"U: 250 2.0.0 Ok\nU: 554 5.0.0 No\nU! stall\n",
                                    "U: 554 5.0.0 No\nU: 250 2.0.0 Ok\nU! stall\n"}) {
    World world({upstream("a"), upstream("b")});
    world.host("a").scripts = {kPipelining.opening() + kFlight +
                               "U: 250 ok\nU: 250 ok\nU: 354 go\nP! content\n" + replies};
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kUnknown);
  }
}

TEST(Transaction, AGoodbyeBehindTheVerdictChangesNothing) {
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() + kFlight +
                             "U: 250 ok\nU: 250 ok\nU: 354 go\nP! content\nU: 250 2.0.0 Ok\n"
                             "U: 421 4.3.2 Enough\nU! close\n"};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
}

TEST(Transaction, AReusedConnectionLostInTheContentIsFollowedByANewOne) {
  World world({upstream("a")});
  world.host("a").stream.capacity = 1000;
  world.host("a").scripts = {kPipelining.opening() + kPipelining.transaction() + kFlight +
                                 "U: 250 ok\nU: 250 ok\nU: 354 go\nP: xxx*\nU! reset\n",
                             kPipelining.opening() + kPipelining.transaction()};
  std::string content;
  for (int i = 0; i < 1000; ++i) content += std::string(60, 'x') + "\r\n";
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.deliver(world.message({"to@there.example"}, content)).outcome,
            Outcome::kDelivered);
  EXPECT_TRUE(world.host("a").contents.at(1) == content);
}

// ---- PIPELINING that is offered and not kept ----------------------------------------------------

TEST(BrokenPipelining, IsFoundOutRememberedAndForgotten) {
  for (const char* const answer :
       {"U: 250 ok\nU! stall\n", "U: 250 ok\nU! close\n", "U! close\n",
        "U: 501 5.5.4 Syntax: MAIL FROM:<address>\nU! stall\n",
        "U: 554 5.5.0 SMTP synchronization error\nU! close\n",
        "U: 250 ok\nU: 503 5.5.0 Improper use of SMTP command pipelining\nU! stall\n"}) {
    SCOPED_TRACE(answer);
    World world({upstream("a")});
    world.host("a").scripts = {
        kPipelining.opening() + kFlight + answer,
        kPipelining.opening() + kSequential.transaction() + kSequential.transaction(),
        kPipelining.opening() + kPipelining.transaction()};
    const TimePoint begun = world.loop.now();
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    EXPECT_LE(world.loop.now() - begun, 16s);
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    world.pass(61min);
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    EXPECT_THAT(world.log(), HasSubstr("event=upstream_pipelining_broken upstream=a"));
  }
}

TEST(BrokenPipelining, LeavesTimeForTheSecondTry) {
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() + kFlight + "U: 250 ok\nU! stall\n",
                             kPipelining.opening() + kSequential.transaction()};
  EXPECT_EQ(world.deliver(world.message(), 8s).outcome, Outcome::kDelivered);
}

TEST(BrokenPipelining, IsNotWhatEndsAConnectionThatHasCarriedMail) {
  World world({upstream("a")});
  world.host("a").scripts = {
      kPipelining.opening() + kPipelining.transaction() + kFlight + "U: 250 ok\nU! close\n",
      kPipelining.opening() + kPipelining.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_THAT(world.log(), testing::Not(HasSubstr("pipelining_broken")));
}

TEST(BrokenPipelining, IsNotRememberedOfAnUpstreamThatFailsEitherWay) {
  World world({upstream("a")});
  world.host("a").scripts = {
      kPipelining.opening() + kFlight + "U: 250 ok\nU! close\n",
      kPipelining.opening() + kSequential.transaction(Stage::kRcpt, Fault::kClose),
      kPipelining.opening() + kPipelining.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDeferred);
  world.pass(61min);  // the upstream is in trouble meanwhile
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
}

TEST(DisabledExtensions, OfAnUpstreamAreNotUsed) {
  config::Upstream plain = upstream("a");
  plain.disabled_extensions = {"PIPELINING", "SIZE", "8BITMIME"};
  World world({plain});
  world.host("a").scripts = {
      kPipelining.opening() +
      scripts::Upstream{.pipelining = false, .size = false, .eight_bit = false}.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  message::Message eight_bit = world.message();
  eight_bit.has_8bit = true;
  EXPECT_THAT(world.deliver(eight_bit).reply.wire(), StartsWith("554 5.6.3 "));
}

// ---- recipients that are refused for now --------------------------------------------------------

TEST(TooManyRecipients, AreLearnedFromTheReplyToRcptAndKeptTo) {
  for (const auto mode : {config::PartialRejection::kReject, config::PartialRejection::kDeliver}) {
    for (const char* const refusal : {"452 4.5.3 Error: too many recipients",
                                      "452 Too many recipients", "552 Too many recipients"}) {
      SCOPED_TRACE(refusal);
      World world({upstream("a")});
      world.config().partial_rejection = mode;
      world.host("a").scripts = {kPipelining.opening() + kMailThree +
                                 "U: 250 ok\nU: 250 ok\nU: 250 ok\nU: " + refusal +
                                 "\nU: 354 Go on\nU! stall\n"};
      const message::Message message = world.message(kThree);
      EXPECT_EQ(world.relay().max_recipients(message.envelope.reverse_path, {}), 1000u);
      const Delivery delivery = world.deliver(message);
      EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
      EXPECT_EQ(
          delivery.reply.wire(),
          "452 4.5.3 id1 not sent: it has 3 recipients, and upstream a takes 2 at a time\r\n");
      EXPECT_THAT(world.host("a").contents, ElementsAre());
      EXPECT_EQ(world.relay().max_recipients(message.envelope.reverse_path, {}), 2u);
      world.pass(61min);
      EXPECT_EQ(world.relay().max_recipients(message.envelope.reverse_path, {}), 1000u);
    }
  }
}

TEST(TooManyRecipients, AreTakenByTheNextUpstream) {
  World world({upstream("a"), upstream("b")});
  world.host("a").scripts = {kPipelining.opening() + kMailThree +
                             "U: 250 ok\nU: 250 ok\nU: 250 ok\nU: 452 4.5.3 Too many\n"
                             "U: 354 Go on\nU! stall\n"};
  world.host("b").scripts = {kPipelining.opening() + kMailThree +
                             "U: 250 ok\nU: 250 ok\nU: 250 ok\nU: 250 ok\nU: 354 Go on\n"
                             "P! content\nU: 250 ok\n"};
  EXPECT_EQ(world.deliver(world.message(kThree)).outcome, Outcome::kDelivered);
}

TEST(TooManyRecipients, AreNoLimitWhenTheFirstOneIsRefused) {
  // Some count by the hour and say it with the same code.
  World world({upstream("a")});
  world.host("a").scripts = {kPipelining.opening() + kMailThree +
                             "U: 250 ok\nU: 452 4.5.3 Too many\nU: 452 4.5.3 Too many\n"
                             "U: 452 4.5.3 Too many\nU: 554 5.5.1 No valid recipients\n"};
  const message::Message message = world.message(kThree);
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDeferred);
  EXPECT_EQ(world.relay().max_recipients(message.envelope.reverse_path, {}), 1000u);
}

TEST(Transaction, InDeliverModeNobodyIsDroppedWhoMayBeTakenLater) {
  World world({upstream("a"), upstream("b")});
  world.config().partial_rejection = config::PartialRejection::kDeliver;
  world.host("a").scripts = {kPipelining.opening() + kMailThree +
                             "U: 250 ok\nU: 250 ok\nU: 450 4.2.2 Full\nU: 550 5.1.1 No\n"
                             "U: 354 Go on\nU! stall\n"};
  world.host("b").scripts = {kPipelining.opening() + kMailThree +
                             "U: 250 ok\nU: 250 ok\nU: 250 ok\nU: 550 5.1.1 No\nU: 354 Go on\n"
                             "P! content\nU: 250 2.0.0 Ok\n"};
  const Delivery delivery = world.deliver(world.message(kThree));
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  EXPECT_EQ(delivery.upstream, "b");
  EXPECT_EQ(delivery.refused_recipients, 1u);
  EXPECT_THAT(delivery.reply.text(), HasSubstr("Not for 1 of 3 recipients"));
}

TEST(Transaction, RepliesThatMakeNoSenseEndTheConnection) {
  const char* const dialogs[] = {
      "P: MAIL FROM:*\nU: 354 go\n",
      "P: MAIL FROM:*\nU: 250 ok\nP: RCPT TO:*\nU: 334 go\n",
      "P: MAIL FROM:*\nU: 250 ok\nP: RCPT TO:*\nU: 250 ok\nP: DATA\nU: 250 ok\n",
  };
  for (const char* const dialog : dialogs) {
    SCOPED_TRACE(dialog);
    World world({upstream("a")});
    world.host("a").scripts = {kSequential.opening() + dialog + "U! stall\n"};
    const Delivery delivery = world.deliver(world.message());
    EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
    EXPECT_THAT(delivery.upstream_reply, HasSubstr("unexpected reply: "));
  }
}

TEST(Transaction, AReplyTooManyIsNotTakenForTheNextMessages) {
  World world({upstream("a")});
  world.host("a").scripts = {
      kPipelining.opening() + kPipelining.transaction() + "U: 250 2.1.0 And another\nU! stall\n",
      kPipelining.opening() + kPipelining.transaction()};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  world.pass(1s);
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.host("a").dials, 2);
}

}  // namespace
}  // namespace sallyport::relay
