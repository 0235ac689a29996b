// Binary content on its way: one chunk by BDAT (RFC 3030), octet for octet, after every recipient
// was answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/relay/content.h"
#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using scripts::Fault;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::StartsWith;

const scripts::Upstream kBinary{.binary = true};
const scripts::Upstream kSequential{.pipelining = false, .binary = true};

// What DATA can't carry, and what it would have changed: dots, the end of content within the
// content, bare line ends, NUL, no line end in the end.
const std::string kOctets = std::string("Subject: x\r\n\r\n.\r\n..\r\n\r\n.\r\nQUIT\r\na\nb\rc") +
                            std::string("\0\xff", 2) + "\r";

message::Message binary(World& world, std::string_view content = kOctets,
                        const std::vector<std::string>& recipients = {"to@there.example"}) {
  message::Message message = world.message(recipients, content);
  message.is_binary = true;
  message.has_8bit = true;
  return message;
}

TEST(Bdat, TheOctetsArriveAsTheyAre) {
  for (const std::size_t piece : {std::size_t{1}, support::kUnlimited}) {
    World world({upstream("a")});
    world.host("a").stream.piece = piece;
    world.host("a").scripts = {kBinary.opening() + kBinary.transaction() + kBinary.transaction()};
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(world.deliver(binary(world)).outcome, Outcome::kDelivered);
    }
    EXPECT_THAT(world.host("a").contents, ElementsAre(kOctets, kOctets));
  }
}

TEST(Bdat, TwoFlightsAreEnough) {
  World world({upstream("a")});
  world.host("a").scripts = {kBinary.opening() + kBinary.transaction()};
  EXPECT_EQ(world.deliver(binary(world)).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.host("a").last_stream->writes(), 2u + 2u);  // opening; commands, chunk
}

TEST(Bdat, DataAndBdatTakeTurnsOnOneConnection) {
  World world({upstream("a")});
  const auto idle = [&world] { world.pass(5s); };  // else content goes along with its commands
  scripts::Upstream plain = kBinary;
  plain.binary = false;
  world.host("a").scripts = {kBinary.opening() + kBinary.transaction() + plain.transaction() +
                             kBinary.transaction()};
  EXPECT_EQ(world.deliver(binary(world)).outcome, Outcome::kDelivered);
  idle();
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  idle();
  EXPECT_EQ(world.deliver(binary(world)).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.host("a").dials, 1);
}

TEST(Bdat, PlainContentGoesByDataThoughTheClientCalledItBinary) {
  World world({upstream("a")});
  const scripts::Upstream both{.offers = {"BINARYMIME", "CHUNKING"}};
  world.host("a").scripts = {both.opening() + both.transaction()};
  message::Message message = world.message();
  message.envelope.parameters.body = smtp::BodyType::kBinarymime;
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
}

TEST(Bdat, AnEmptyChunkIsAMessageToo) {
  World world({upstream("a")});
  world.host("a").scripts = {kBinary.opening() +
                             "P: MAIL FROM:* SIZE=0 BODY=BINARYMIME\nP: RCPT TO:*\n"
                             "U: 250 ok\nU: 250 ok\nP: BDAT 0 LAST\nU: 250 ok\n"};
  EXPECT_EQ(world.deliver(binary(world, "")).outcome, Outcome::kDelivered);
}

TEST(Bdat, ABodyInAFileIsOneChunk) {
  World world({upstream("a")});
  world.storage.memory_threshold = 1000;
  world.host("a").scripts = {kBinary.opening() + kBinary.transaction()};
  std::string content;
  for (int i = 0; content.size() < 900'000; ++i) content += std::to_string(i) + "\n.\r\n";
  message::Message message = binary(world, content);
  const auto spill = [](World& w, message::Message& m) -> runtime::Task<void> {
    while (m.body.flush_due()) EXPECT_TRUE(co_await m.body.flush(w.loop));
  };
  world.loop.run(spill(world, message));
  EXPECT_GT(message.body.in_file(), 0u);
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
  EXPECT_TRUE(world.host("a").contents.at(0) == content);
}

TEST(Bdat, APartialRefusalSendsNothingAndLeavesTheConnectionGood) {
  World world({upstream("a")});
  world.host("a").scripts = {kBinary.opening() +
                             "P: MAIL FROM:*\nP: RCPT TO:<a@x.example>\nP: RCPT TO:<b@x.example>\n"
                             "U: 250 ok\nU: 250 ok\nU: 550 5.1.1 No such user\n" +
                             kBinary.transaction(true)};
  const Delivery delivery = world.deliver(binary(world, kOctets, {"a@x.example", "b@x.example"}));
  EXPECT_EQ(delivery.outcome, Outcome::kRefused);
  EXPECT_THAT(delivery.reply.wire(), StartsWith("550-5.1.1 id1 not sent: 1 of 2 "));
  EXPECT_TRUE(world.deliver(binary(world)).reused_connection);
  EXPECT_EQ(world.host("a").contents.size(), 1u);
}

TEST(Bdat, InDeliverModeTheOthersAreSent) {
  World world({upstream("a")});
  world.config().partial_rejection = config::PartialRejection::kDeliver;
  world.host("a").scripts = {kBinary.opening() +
                             "P: MAIL FROM:*\nP: RCPT TO:<a@x.example>\nP: RCPT TO:<b@x.example>\n"
                             "U: 250 ok\nU: 250 ok\nU: 550 5.1.1 No such user\nP! bdat\n"
                             "U: 250 2.0.0 Ok 7\n"};
  const Delivery delivery = world.deliver(binary(world, kOctets, {"a@x.example", "b@x.example"}));
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  EXPECT_THAT(delivery.reply.wire(), EndsWith("\r\n250 2.0.0 Ok 7\r\n"));
}

TEST(Bdat, NoRecipientNoChunk) {
  for (const scripts::Upstream& kind : {kBinary, kSequential}) {
    World world({upstream("a")});
    world.host("a").scripts = {kind.opening() + kind.transaction(Stage::kRcpt, Fault::k5xx) +
                               kind.transaction(true)};
    EXPECT_EQ(world.deliver(binary(world)).outcome, Outcome::kRefused);
    EXPECT_EQ(world.deliver(binary(world)).outcome, Outcome::kDelivered);
  }
}

TEST(Bdat, AfterARefusedChunkComesRset) {
  for (const char* const refusal : {"554 5.6.0 No", "452 4.3.1 Full", "552 5.3.4 Too large"}) {
    SCOPED_TRACE(refusal);
    World world({upstream("a")});
    world.host("a").scripts = {kBinary.opening() +
                               "P: MAIL FROM:*\nP: RCPT TO:*\nU: 250 ok\nU: 250 ok\nP! bdat\nU: " +
                               refusal + "\n" + kBinary.transaction(true)};
    EXPECT_NE(world.deliver(binary(world)).outcome, Outcome::kDelivered);
    EXPECT_TRUE(world.deliver(binary(world)).reused_connection);
  }
}

TEST(Bdat, AnUpstreamThatDoesNotKnowItAfterAllIsLeft) {
  // What it takes for commands may be answered for long.
  for (const char* const reply : {"500 5.5.1 What?", "502 5.5.1 No", "503 5.5.1 Not now"}) {
    SCOPED_TRACE(reply);
    World world({upstream("a")});
    world.host("a").scripts = {kBinary.opening() +
                                   "P: MAIL FROM:*\nP: RCPT TO:*\nU: 250 ok\nU: 250 ok\n"
                                   "P: BDAT * LAST\nU: " +
                                   reply + "\nU! stall\n",
                               kBinary.opening() + kBinary.transaction()};
    EXPECT_EQ(world.deliver(binary(world)).outcome, Outcome::kRefused);
    const Delivery second = world.deliver(binary(world));
    EXPECT_EQ(second.outcome, Outcome::kDelivered);
    EXPECT_FALSE(second.reused_connection);
  }
}

TEST(Bdat, AnUpstreamLostInTheMiddleOfTheChunkHasNothing) {
  for (const char* const end : {"U! reset\n", "U: 421 4.3.2 Closing\nU! close\n"}) {
    SCOPED_TRACE(end);
    World world({upstream("a"), upstream("b")});
    world.host("a").stream.capacity = 1000;
    const std::string start =
        kBinary.opening() + "P: MAIL FROM:*\nP: RCPT TO:*\nU: 250 ok\nU: 250 ok\n";
    world.host("a").scripts = {start + "P: BDAT 60000 LAST\nP: xxx*\n" + end};
    world.host("b").scripts = {start + "P! bdat\nU: 250 ok\n"};
    std::string content;
    for (int i = 0; i < 1000; ++i) content += std::string(58, 'x') + "\r\n";
    const Delivery delivery = world.deliver(binary(world, content));
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    EXPECT_EQ(delivery.upstream, "b");
    EXPECT_TRUE(world.host("b").contents.at(0) == content);
  }
}

TEST(Bdat, NoReplyToTheChunkIsUnknown) {
  World world({upstream("a"), upstream("b")});
  world.host("a").scripts = {kBinary.opening() + kBinary.transaction(Stage::kEnd, Fault::kStall)};
  const TimePoint begun = world.loop.now();
  const Delivery delivery = world.deliver(binary(world));
  EXPECT_EQ(delivery.outcome, Outcome::kUnknown);
  EXPECT_THAT(delivery.reply.wire(), StartsWith("451 4.4.2 "));
  EXPECT_EQ(world.loop.now() - begun, 10min);
  EXPECT_EQ(world.host("b").dials, 0);
}

TEST(Bdat, TheNextBinaryMessageIsNotMixedUpWithARefusedOne) {
  World world({upstream("a")});
  world.host("a").scripts = {kBinary.opening() + kBinary.transaction(Stage::kEnd, Fault::k5xx) +
                             kBinary.transaction(true)};
  EXPECT_EQ(world.deliver(binary(world, "one\n")).outcome, Outcome::kRefused);
  EXPECT_EQ(world.deliver(binary(world, "two\n")).outcome, Outcome::kDelivered);
  EXPECT_THAT(world.host("a").contents, ElementsAre("one\n", "two\n"));
}

}  // namespace
}  // namespace sallyport::relay
