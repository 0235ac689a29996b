// MAIL, RCPT and the content in one write, where CHUNKING and PIPELINING are offered: when it is
// done, and what becomes of a message that was refused or lost on its way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const scripts::Upstream kBoth{.offers = {"CHUNKING"}};
const std::string kCommands = "P: MAIL FROM:<from@here.example> SIZE=*\nP: RCPT TO:<to@*>\n";
/// One message at once, taken.
const std::string kAtOnce =
    kCommands + "P! bdat\nU: 250 ok\nU: 250 ok\nU: " + scripts::kQueued + "\n";
/// The first message of a connection, and one in two steps.
const std::string kFirst = kBoth.transaction();

TEST(AtOnce, ASecondMessageGoesInOneWrite) {
  World world({upstream("a")});
  world.host("a").scripts = {kBoth.opening() + kFirst + kAtOnce + kAtOnce};
  const std::string content = "Subject: x\r\n\r\n.a dot\r\n.\r\n";
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  const std::size_t writes = world.host("a").last_stream->writes();
  const auto message = world.message({"to@there.example"}, content);
  const Delivery second = world.deliver(message);
  EXPECT_EQ(second.outcome, Outcome::kDelivered);
  EXPECT_EQ(second.reply.wire(), scripts::kQueued + "\r\n");
  EXPECT_TRUE(second.reused_connection);
  EXPECT_EQ(world.host("a").last_stream->writes(), writes + 1);
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.host("a").contents.at(1), content);  // no dot is doubled
}

TEST(AtOnce, NotWhereOneVerdictIsNotSure) {
  const scripts::Upstream no_pipelining{.pipelining = false, .offers = {"CHUNKING"}};
  {
    SCOPED_TRACE("without PIPELINING");
    World world({upstream("a")});
    world.host("a").scripts = {no_pipelining.opening() + no_pipelining.transaction() +
                               no_pipelining.transaction()};
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    }
  }
  {
    SCOPED_TRACE("a connection that was idle");
    World world({upstream("a")});
    world.host("a").scripts = {kBoth.opening() + kFirst + kFirst};
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    world.pass(3s);
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  }
  {
    SCOPED_TRACE("two recipients");
    World world({upstream("a")});
    world.host("a").scripts = {
        kBoth.opening() + kFirst +
        "P: MAIL FROM:*\nP: RCPT TO:<a@*>\nP: RCPT TO:<b@*>\nP: DATA\n"
        "U: 250 ok\nU: 250 ok\nU: 250 ok\nU: 354 go\nP! content\nU: 250 ok\n"};
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    EXPECT_EQ(world.deliver(world.message({"a@x.example", "b@x.example"})).outcome,
              Outcome::kDelivered);
  }
  {
    SCOPED_TRACE("large content");
    World world({upstream("a")});
    world.host("a").scripts = {kBoth.opening() + kFirst + kFirst};
    std::string content = "Subject: x\r\n\r\n";
    while (content.size() < 70'000) content += "A line of many.\r\n";
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    EXPECT_EQ(world.deliver(world.message({"to@there.example"}, content)).outcome,
              Outcome::kDelivered);
  }
  {
    SCOPED_TRACE("CHUNKING is disabled");
    config::Upstream without = upstream("a");
    without.disabled_extensions = {"CHUNKING"};
    World world({without});
    world.host("a").scripts = {kBoth.opening() + kFirst + kFirst};
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
    }
  }
}

TEST(AtOnce, ARefusedRecipientLeavesTheConnectionGood) {
  World world({upstream("a")});
  world.host("a").scripts = {kBoth.opening() + kFirst + kCommands +
                             "P! bdat\nU: 250 ok\nU: 550 5.1.1 No such user\nU: 503 RCPT first\n" +
                             "P: RSET\nP: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\n"
                             "U: 250 ok\nU: 250 ok\nU: 250 ok\nU: 354 go\nP! content\nU: 250 ok\n" +
                             kAtOnce};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  const Delivery refused = world.deliver(world.message());
  EXPECT_EQ(refused.outcome, Outcome::kRefused);
  EXPECT_EQ(refused.reply.wire(), "550 5.1.1 No such user (id2)\r\n");
  EXPECT_EQ(refused.refused_recipients, 1u);
  EXPECT_EQ(refused.cause, "upstream_refused_recipients");
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(world.deliver(world.message()).reused_connection);
  }
}

TEST(AtOnce, ContentThatIsTakenWithoutARecipientIsUnknown) {
  World world({upstream("a"), upstream("b")});
  world.host("a").scripts = {kBoth.opening() + kFirst + kCommands +
                             "P! bdat\nU: 250 ok\nU: 550 5.1.1 No such user\nU: 250 queued\n"};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  const Delivery unknown = world.deliver(world.message());
  EXPECT_EQ(unknown.outcome, Outcome::kUnknown);
  EXPECT_THAT(unknown.reply.wire(), StartsWith("451 4.4.2 id2: "));
}

TEST(AtOnce, A421ToMailIsFollowedByANewConnection) {
  World world({upstream("a")});
  world.host("a").scripts = {
      kBoth.opening() + kFirst + kCommands + "P! bdat\nU: 421 4.3.2 Closing\nU! close\n",
      kBoth.opening() + kFirst};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
}

TEST(AtOnce, AnUpstreamThatDoesNotKnowBdatGetsDataFromThenOn) {
  World world({upstream("a")});
  world.host("a").scripts = {
      kBoth.opening() + kFirst + kCommands +
          "P! bdat\nU: 250 ok\nU: 250 ok\nU: 502 5.5.1 Not implemented\nU! stall\n",
      kBoth.opening() + kFirst + kFirst};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  }
  EXPECT_THAT(world.log(), HasSubstr("event=upstream_chunking_broken upstream=a "
                                     "error=\"502 5.5.1 Not implemented\""));
}

TEST(AtOnce, ContentThatIsRefusedIsRefused) {
  World world({upstream("a")});
  world.host("a").scripts = {kBoth.opening() + kFirst + kCommands +
                             "P! bdat\nU: 250 ok\nU: 250 ok\nU: 554 5.6.0 No\n"};
  EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  EXPECT_EQ(world.deliver(world.message()).reply.wire(), "554 5.6.0 No (id2)\r\n");
  EXPECT_THAT(world.log(), Not(HasSubstr("upstream_chunking_broken")));
}

}  // namespace
}  // namespace sallyport::relay
