// Header fields that an upstream's settings add.
#include "proxy/relay/added_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

config::Upstream with(std::vector<config::HeaderField> headers) {
  config::Upstream made = upstream("a");
  made.headers = std::move(headers);
  return made;
}

std::string fields(const config::Upstream& upstream, const message::Message& message,
                   std::vector<std::string_view> beginning) {
  const std::string lines = added_fields(upstream, message, beginning);
  EXPECT_LE(lines.size(), most_added(upstream, message));
  return lines;
}

TEST(AddedFields, StandBeforeTheMessageAndCountInItsSize) {
  World world({with({{"X-Tag", "app {id}"}, {"X-Other", "2"}})});
  const message::Message message = world.message();
  const std::string lines = "X-Tag: app " + message.id + "\r\nX-Other: 2\r\n";
  const scripts::Upstream plain{.pipelining = false};
  world.host("a").scripts = {plain.opening() + "P: MAIL FROM:<from@here.example> SIZE=" +
                             std::to_string(message.size() + lines.size()) +
                             "\nU: 250 ok\nP: RCPT TO:<to@there.example>\nU: 250 ok\n"
                             "P: DATA\nU: 354 go\nP! content\nU: 250 ok\n"};
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
  ASSERT_EQ(world.host("a").contents.size(), 1u);
  EXPECT_THAT(world.host("a").contents[0], StartsWith(lines));
  EXPECT_THAT(world.host("a").contents[0], HasSubstr("\r\nSubject: x\r\n\r\nhello\r\n"));
}

TEST(AddedFields, GoInChunksAsWell) {
  const scripts::Upstream chunking{.offers = {"CHUNKING"}};
  World world({with({{"X-Tag", "app"}})});
  world.host("a").scripts = {chunking.opening() + chunking.transaction() +
                             "P: MAIL FROM:<from@here.example> SIZE=*\nP: RCPT TO:<to@*>\nP! bdat\n"
                             "U: 250 ok\nU: 250 ok\nU: 250 ok\n"};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world.deliver(world.message()).outcome, Outcome::kDelivered);
  }
  const scripts::Upstream binary{.binary = true};
  World other({with({{"X-Tag", "app"}})});
  other.host("a").scripts = {binary.opening() + binary.transaction()};
  auto message = other.message();
  message.is_binary = true;
  message.has_8bit = true;
  EXPECT_EQ(other.deliver(message).outcome, Outcome::kDelivered);
  for (World* const each : {&world, &other}) {
    ASSERT_FALSE(each->host("a").contents.empty());
    EXPECT_THAT(each->host("a").contents.back(), StartsWith("X-Tag: app\r\n"));
    EXPECT_THAT(each->host("a").contents.back(), HasSubstr("\r\n\r\nhello\r\n"));
  }
}

TEST(AddedFields, AreLeftToTheMessageWhereItHasThem) {
  World world({});
  const auto message = world.message();
  const auto tagged = with({{"X-Tag", "ours"}});
  EXPECT_EQ(fields(tagged, message, {"Subject: a\r\n", "x-TAG: theirs\r\n\r\nbody"}), "");
  EXPECT_EQ(fields(tagged, message, {"X-Tag: theirs\r\n\r\nbody"}), "");
  EXPECT_EQ(fields(tagged, message, {"Subject: a\r\nX-T", "ag: theirs\r\n\r\n"}), "");
  // A body, a folded line and a longer name are no field of that name.
  EXPECT_EQ(fields(tagged, message, {"Subject: a\r\n X-Tag: b\r\nX-Tagged: c\r\n\r\nX-Tag: d\r\n"}),
            "X-Tag: ours\r\n");
  EXPECT_EQ(fields(tagged, message, {}), "X-Tag: ours\r\n");
}

TEST(AddedFields, AKeyIsTheSameForTheSameRecipientsOnly) {
  World world({});
  const auto keyed = with({{"Resend-Idempotency-Key", "{key}"}});
  auto message = world.message({"a@x.example", "b@x.example"});
  const std::string both = fields(keyed, message, {});
  EXPECT_THAT(both, StartsWith("Resend-Idempotency-Key: " + message.id + "-"));
  EXPECT_EQ(fields(keyed, message, {}), both);
  // A part of a message that was split: its recipients have not got the other part.
  message.envelope.recipients.pop_back();
  EXPECT_NE(fields(keyed, message, {}), both);
  EXPECT_LE(both.size(), 256u);
}

}  // namespace
}  // namespace sallyport::relay
