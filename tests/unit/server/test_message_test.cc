#include "proxy/server/test_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

#include "proxy/runtime/loop.h"

namespace sallyport::server {
namespace {

using ::testing::HasSubstr;

config::User user(std::initializer_list<const char*> patterns) {
  config::User user;
  for (const char* text : patterns) {
    user.senders.push_back(config::AddressPattern::parse(text).value());
  }
  return user;
}

std::string sender(std::initializer_list<const char*> patterns) {
  const config::User one = user(patterns);
  return sender_for(&one, "gate.example");
}

TEST(TestMessage, TheSenderIsOneThatTheUserMayUse) {
  EXPECT_EQ(sender({"*@a.example", "me@b.example"}), "me@b.example");
  EXPECT_EQ(sender({"<>", "*@*.a.example", "*@b.example"}), "sallyport-test@b.example");
  EXPECT_EQ(sender({"*"}), "sallyport-test@gate.example");
  EXPECT_EQ(sender({}), "sallyport-test@gate.example");
  EXPECT_EQ(sender_for(nullptr, "gate.example"), "sallyport-test@gate.example");
}

TEST(TestMessage, IsAWholeMessage) {
  runtime::Loop loop(runtime::Time::kVirtual);
  message::Budget budget(1 << 20);
  const message::Storage storage;
  const auto made =
      make_test_message("me@a.example", "you@b.example", "gate.example",
                        WallTime(std::chrono::seconds(1'700'000'000)), budget, storage);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->envelope.reverse_path.str(), "me@a.example");
  ASSERT_EQ(made->envelope.recipients.size(), 1u);
  EXPECT_EQ(made->envelope.recipients[0].forward_path.str(), "you@b.example");
  message::BodyReader reader(made->body);
  std::vector<std::string_view> pieces;
  std::string text;
  while (loop.run(reader.next(loop, pieces)).value()) {
    for (const std::string_view piece : pieces) text += piece;
    pieces.clear();
  }
  EXPECT_THAT(text, HasSubstr("From: me@a.example\r\nTo: you@b.example\r\n"));
  EXPECT_THAT(text, HasSubstr("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
  EXPECT_THAT(text, HasSubstr("Message-ID: " + made->message_id + "\r\n"));
  EXPECT_EQ(make_test_message("me", "you@b.example", "g.example", {}, budget, storage).error().text,
            "'me' is no address");
  EXPECT_EQ(make_test_message("me@a.example", "", "g.example", {}, budget, storage).error().text,
            "'' is no address");
}

}  // namespace
}  // namespace sallyport::server
