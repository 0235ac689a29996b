// session.overflow = "split": several upstream transactions, one verdict that never lies.
#include "proxy/submission/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "proxy/message/body.h"
#include "proxy/runtime/loop.h"

namespace sallyport::submission {
namespace {

using namespace std::chrono_literals;
using relay::Delivery;
using relay::Outcome;
using testing::ElementsAre;

Delivery delivered(const std::string& id) {
  Delivery delivery;
  delivery.outcome = Outcome::kDelivered;
  delivery.reply = {250, {2, 0, 0}, "Ok " + id};
  delivery.upstream = "a";
  delivery.upstream_reply = "250 2.0.0 Ok " + id;
  delivery.upstream_id = id;
  delivery.attempts = 1;
  return delivery;
}

Delivery failed(Outcome outcome, smtp::Reply reply) {
  Delivery delivery;
  delivery.outcome = outcome;
  delivery.reply = std::move(reply);
  delivery.attempts = 1;
  return delivery;
}

std::string locals(const message::Envelope& envelope) {
  std::string all;
  for (const auto& recipient : envelope.recipients) all += recipient.forward_path.local;
  return all;
}

/// Gives the verdicts it is told to.
class Script final : public relay::Deliverer {
 public:
  runtime::Task<Delivery> deliver(const message::Message& message, TimePoint,
                                  relay::Caller) override {
    parts.push_back(locals(message.envelope));
    Delivery next = std::move(verdicts.front());
    verdicts.pop_front();
    if (next.reply.code == 452) most = learned;
    co_return next;
  }
  std::uint32_t max_recipients(const smtp::ReversePath&, const relay::Caller&) const override {
    return most;
  }

  std::deque<Delivery> verdicts;
  std::vector<std::string> parts;
  std::uint32_t most = 100;
  std::uint32_t learned = 0;
};

class Split : public testing::Test {
 protected:
  Delivery deliver(std::uint32_t most) {
    return loop_.run(deliver_in_parts(script_, message_, most, loop_.after(1min), {}));
  }

  static message::Envelope envelope() {
    message::Envelope envelope;
    for (const char local : std::string("abcde")) {
      envelope.recipients.push_back({{std::string(1, local), "x.example"}, {}});
    }
    return envelope;
  }

  runtime::Loop loop_{runtime::Time::kVirtual};
  message::Budget budget_{1u << 20};
  message::Storage storage_;
  Script script_;
  message::Message message_{.id = "id1",
                            .envelope = envelope(),
                            .body = message::Body(budget_, storage_),
                            .message_id = {}};
};

TEST_F(Split, SendsAllPartsUnderOneVerdict) {
  for (const char* const id : {"1", "2", "3"}) script_.verdicts.push_back(delivered(id));
  const Delivery delivery = deliver(2);
  EXPECT_THAT(script_.parts, ElementsAre("ab", "cd", "e"));
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  EXPECT_EQ(delivery.reply.wire(), "250 2.0.0 Ok 3\r\n");
  EXPECT_EQ(delivery.upstream_id, "1 2 3");
  EXPECT_EQ(delivery.upstream_reply, "250 2.0.0 Ok 1; 250 2.0.0 Ok 2; 250 2.0.0 Ok 3");
  EXPECT_EQ(delivery.attempts, 3u);
  // The log names them all, as they were.
  EXPECT_EQ(locals(message_.envelope), "abcde");
}

TEST_F(Split, IsNoneWhereAllFit) {
  script_.verdicts.push_back(delivered("1"));
  EXPECT_EQ(deliver(5).reply.wire(), "250 2.0.0 Ok 1\r\n");
  EXPECT_THAT(script_.parts, ElementsAre("abcde"));
}

TEST_F(Split, KeepsToWhatTheRouteTakes) {
  script_.most = 3;
  for (const char* const id : {"1", "2"}) script_.verdicts.push_back(delivered(id));
  EXPECT_EQ(deliver(1000).outcome, Outcome::kDelivered);
  EXPECT_THAT(script_.parts, ElementsAre("abc", "de"));
}

TEST_F(Split, StopsAtTheFirstPartThatFails) {
  const struct {
    Outcome outcome;
    smtp::Reply reply;
    const char* heard;
  } cases[] = {
      {Outcome::kRefused,
       {550, {5, 1, 1}, "No such user"},
       "550-5.1.1 id1: sent to the first 2 of 5 recipients and not to the others:\r\n"
       "550 5.1.1 No such user\r\n"},
      {Outcome::kDeferred,
       {451, {4, 4, 1}, "id1 not sent"},
       "451-4.4.1 id1: sent to the first 2 of 5 recipients and not to the others:\r\n"
       "451 4.4.1 id1 not sent\r\n"},
      {Outcome::kUnknown,
       {451, {4, 4, 2}, "id1 may be sent"},
       "451-4.4.2 id1: sent to the first 2 of 5 recipients and not to the others:\r\n"
       "451 4.4.2 id1 may be sent\r\n"},
  };
  for (const auto& c : cases) {
    script_.parts.clear();
    script_.verdicts.push_back(delivered("1"));
    script_.verdicts.push_back(failed(c.outcome, c.reply));
    const Delivery delivery = deliver(2);
    EXPECT_THAT(script_.parts, ElementsAre("ab", "cd"));
    EXPECT_EQ(delivery.outcome, c.outcome);
    EXPECT_EQ(delivery.reply.wire(), c.heard);
    EXPECT_EQ(delivery.upstream_id, "1");
    EXPECT_EQ(locals(message_.envelope), "abcde");
  }
}

TEST_F(Split, TheFirstPartFailsAsAWholeMessageDoes) {
  script_.verdicts.push_back(failed(Outcome::kRefused, {550, {5, 1, 1}, "No such user"}));
  EXPECT_EQ(deliver(2).reply.wire(), "550 5.1.1 No such user\r\n");
  EXPECT_THAT(script_.parts, ElementsAre("ab"));
}

TEST_F(Split, TakesSmallerPartsOnceTheUpstreamHasSaidItsLimit) {
  script_.learned = 2;
  script_.verdicts.push_back(failed(Outcome::kDeferred, {452, {4, 5, 3}, "takes 2 at a time"}));
  for (const char* const id : {"1", "2", "3"}) script_.verdicts.push_back(delivered(id));
  const Delivery delivery = deliver(1000);
  EXPECT_EQ(delivery.reply.wire(), "250 2.0.0 Ok 3\r\n");
  EXPECT_THAT(script_.parts, ElementsAre("abcde", "ab", "cd", "e"));
  EXPECT_EQ(delivery.attempts, 4u);
}

TEST_F(Split, EndsWhereNothingIsLearned) {
  script_.learned = 100;
  script_.verdicts.push_back(failed(Outcome::kDeferred, {452, {4, 5, 3}, "not today"}));
  EXPECT_EQ(deliver(1000).reply.wire(), "452 4.5.3 not today\r\n");
}

TEST_F(Split, NamesTheRecipientsThatWereRefusedInAnyPart) {
  Delivery first = delivered("1");
  first.refused_recipients = 1;
  first.reply.lines = {"Not for 1 of 3 recipients, which were refused:", "<b@x.example>: 550 no",
                       "Ok 1"};
  script_.verdicts.push_back(std::move(first));
  script_.verdicts.push_back(delivered("2"));
  const Delivery delivery = deliver(3);
  EXPECT_EQ(delivery.refused_recipients, 1u);
  EXPECT_EQ(delivery.reply.wire(),
            "250-2.0.0 Not for 1 of 3 recipients, which were refused:\r\n"
            "250-2.0.0 <b@x.example>: 550 no\r\n250-2.0.0 Ok 1\r\n250 2.0.0 Ok 2\r\n");
}

}  // namespace
}  // namespace sallyport::submission
