// Upstreams that allow fewer connections than the configuration does.
#include "proxy/relay/too_many.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/relay/scripts.h"
#include "tests/unit/relay/willing.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;

Attempt said(Stage stage, int code, std::string text) {
  Attempt attempt;
  attempt.stage = stage;
  attempt.reply = smtp::Reply(static_cast<std::uint16_t>(code), std::move(text));
  return attempt;
}

TEST(TooMany, IsKnownByItsWords) {
  for (const char* const text :
       {"The maximum number of concurrent connections has exceeded a limit, closing transmission",
        "Too many concurrent SMTP connections; please try again later.",
        "mail.example Error: too many connections from 192.0.2.1",
        "Concurrent connections limit exceeded", "Too many sessions", "Max connections reached",
        "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)"}) {
    for (const Stage stage : {Stage::kGreeting, Stage::kEhlo, Stage::kAuth, Stage::kMail}) {
      EXPECT_TRUE(says_too_many_connections(said(stage, 454, text))) << text;
      EXPECT_TRUE(says_too_many_connections(said(stage, 535, text))) << text;
    }
    EXPECT_FALSE(says_too_many_connections(said(Stage::kRcpt, 450, text)));
    EXPECT_FALSE(says_too_many_connections(said(Stage::kEnd, 450, text)));
  }
  for (const char* const text :
       {"Connection rate limit exceeded", "Too many messages in this session",
        "Too many errors on this connection", "Connection timed out", "Maximum credits exceeded",
        "Too many connections per minute", "Too many login attempts", "Session lasts too long"}) {
    EXPECT_FALSE(says_too_many_connections(said(Stage::kAuth, 454, text))) << text;
  }
  EXPECT_TRUE(says_too_many_connections(said(Stage::kGreeting, 421, "No room")));
  EXPECT_FALSE(says_too_many_connections(failure(Stage::kGreeting, {ErrorCode::kClosed, "gone"})));
}

/// Twenty messages at once to an upstream that takes `most` connections.
struct Crowd {
  Crowd(int most, std::string_view words)
      : manner{.late = 10ms, .most_connections = most, .too_many = words} {
    config::Config config;
    config.hostname = "gw.example";
    config::Upstream made = upstream("a");
    made.username.clear();
    made.tls = config::TlsMode::kNone;
    config.upstreams = {made, made};
    config.upstreams[1].name = "b";
    config.routes.push_back({.senders = {}, .upstreams = config::in_order({0, 1})});
    const Surroundings surroundings{loop, logger, metrics, caps,
                                    [&](runtime::Loop& l, const config::Upstream& to,
                                        const TlsFiles&) -> Result<std::unique_ptr<Dialer>> {
                                      return to.name == "a" ? dial_willing(l, servers, a, manner)
                                                            : dial_willing(l, servers, b, plenty);
                                    }};
    cap = caps.of(config.upstreams[0]);
    relay = Relay::make(surroundings, std::make_shared<const config::Config>(config)).value();
  }
  ~Crowd() {
    const auto end = [](Crowd& crowd) -> runtime::Task<void> {
      co_await crowd.relay->drain(crowd.loop.after(1s));
      (void)co_await crowd.servers.join();
    };
    loop.run(end(*this));
  }

  std::vector<Delivery> send(std::size_t messages) {
    message::Message message{
        .id = "id", .envelope = {}, .body = message::Body(budget, storage), .message_id = {}};
    EXPECT_TRUE(message.body.append("Subject: x\r\n\r\nhello\r\n"));
    message.envelope.recipients.push_back({{"to", "there.example"}});
    std::vector<Delivery> deliveries(messages);
    const auto main = [](Crowd& crowd, const message::Message& m,
                         std::vector<Delivery>& results) -> runtime::Task<void> {
      runtime::TaskGroup group(crowd.loop);
      for (Delivery& result : results) group.spawn(crowd.send_one(m, result));
      (void)co_await group.join();
    };
    loop.run(main(*this, message, deliveries));
    return deliveries;
  }

  runtime::Task<void> send_one(const message::Message& message, Delivery& delivery) {
    delivery = co_await relay->deliver(message, loop.after(1min));
  }

  void pass(Duration span) {
    const auto sleep = [](runtime::Loop& l, TimePoint until) -> runtime::Task<void> {
      runtime::Event never(l);
      (void)co_await never.wait(until);
    };
    loop.run(sleep(loop, loop.after(span)));
  }

  runtime::Loop loop{runtime::Time::kVirtual};
  log::Logger logger{{.least = log::Level::kError, .descriptor = -1}};
  metrics::Registry metrics{{}};
  message::Budget budget{1u << 30};
  message::Storage storage;
  ConnectionCaps caps;
  Manner manner;
  const Manner plenty;
  Count a;
  Count b;
  runtime::TaskGroup servers{loop};
  std::shared_ptr<ConnectionCap> cap;
  std::unique_ptr<Relay> relay;
};

TEST(TooMany, TheCapFollowsAndMessagesWait) {
  for (const char* const words : {"421 4.3.2 Too many concurrent connections", "421 Busy",
                                  "450 4.7.0 Too many sessions", "554 Too many connections"}) {
    SCOPED_TRACE(words);
    Crowd crowd(3, words);
    for (const Delivery& delivery : crowd.send(20)) {
      EXPECT_EQ(delivery.outcome, Outcome::kDelivered) << delivery.upstream_reply;
      EXPECT_EQ(delivery.upstream, "a");
    }
    EXPECT_EQ(crowd.cap->allowed(), 3u);
    EXPECT_EQ(crowd.metrics.for_upstream("a").allowed.value(), 3);
    EXPECT_EQ(crowd.a.opened, 20);
    const int opened = crowd.a.opened;
    for (const Delivery& delivery : crowd.send(20)) {
      EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    }
    EXPECT_EQ(crowd.a.opened, opened);
    EXPECT_EQ(crowd.b.opened, 0);
  }
}

TEST(TooMany, TheCapGrowsBackOneAtATime) {
  Crowd crowd(3, "421 4.3.2 Too many concurrent connections");
  (void)crowd.send(20);
  ASSERT_EQ(crowd.cap->allowed(), 3u);
  // Tried again after 15 s, in vain, and then half as often.
  int opened = crowd.a.opened;
  for (int i = 0; i < 60; ++i) {
    for (const Delivery& delivery : crowd.send(6)) {
      EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    }
    crowd.pass(1s);
  }
  EXPECT_GE(crowd.a.opened - opened, 1);
  EXPECT_LE(crowd.a.opened - opened, 3);
  crowd.manner.most_connections = 100;
  for (int i = 0; i < 2'000; ++i) {
    (void)crowd.send(20);
    crowd.pass(1s);
  }
  EXPECT_GE(crowd.cap->allowed(), 10u);
  EXPECT_EQ(crowd.b.opened, 0);
}

TEST(TooMany, ItIsNewsOnceForAllWorkersAndOnceWhenItIsOver) {
  Crowd crowd(3, "421 4.3.2 Too many concurrent connections");
  ConnectionCap cap(5);
  const auto member = std::make_shared<ConnectionCap::Member>();
  member->loop = &crowd.loop;
  cap.join(member);
  EXPECT_FALSE(cap.news());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(cap.try_take(*member, crowd.loop.now()));
  EXPECT_TRUE(cap.refused(*member, crowd.loop.now()));
  const auto lowered = cap.news();
  ASSERT_TRUE(lowered);
  EXPECT_EQ(lowered->allowed, 3u);
  EXPECT_EQ(lowered->limit, 5u);
  EXPECT_FALSE(cap.news());
  crowd.pass(1h);  // two more are tried
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(cap.news());
    ASSERT_TRUE(cap.try_take(*member, crowd.loop.now()));
    crowd.pass(1h);
  }
  (void)cap.try_take(*member, crowd.loop.now());
  const auto restored = cap.news();
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->allowed, 5u);
  EXPECT_FALSE(cap.news());
  while (cap.used() > 0) cap.release(*member);
  cap.leave(member);
}

TEST(TooMany, TheOperatorIsToldByTheLog) {
  World world({upstream("a")});
  const scripts::Upstream good;
  world.host("a").scripts = {
      good.opening() +
          "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 250 ok\nU: 250 ok\nU: 354 go\n"
          "P! content\nU! wait 1s\nU: 250 ok\n" +
          good.transaction(),
      "U: 421 4.3.2 Too many connections\nU! close\n"};
  std::vector<message::Message> messages;
  messages.push_back(world.message());
  messages.push_back(world.message());
  for (const Delivery& delivery : world.deliver_all(messages)) {
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  }
  world.finish();
  EXPECT_THAT(world.log(), testing::HasSubstr("event=upstream_connections_lowered upstream=a "
                                              "allowed=1 max_connections="));
}

TEST(TooMany, WhereItTakesNoneAnotherUpstreamIsAskedAtOnce) {
  Crowd crowd(0, "421 4.3.2 Too many concurrent connections");
  const TimePoint begun = crowd.loop.now();
  for (const Delivery& delivery : crowd.send(20)) {
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    EXPECT_EQ(delivery.upstream, "b");
  }
  EXPECT_LE(crowd.loop.now() - begun, 1s);
}

TEST(TooMany, AtMailTheMessageGoesByAnotherConnection) {
  World world({upstream("a"), upstream("b")});
  const scripts::Upstream good;
  const std::string refusal =
      "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\n"
      "U: 451 4.7.0 Too many connections\nU: 503 no\nU: 503 no\n";
  world.host("a").scripts = {
      good.opening() +
          "P: MAIL FROM:*\nP: RCPT TO:*\nP: DATA\nU: 250 ok\nU: 250 ok\nU: 354 go\n"
          "P! content\nU! wait 1s\nU: 250 ok\n" +
          good.transaction(),
      good.opening() + refusal};
  std::vector<message::Message> messages;
  messages.push_back(world.message());
  messages.push_back(world.message());
  for (const Delivery& delivery : world.deliver_all(messages)) {
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    EXPECT_EQ(delivery.upstream, "a");
  }
}

}  // namespace
}  // namespace sallyport::relay
