// What transcripts cannot see: flights, memory, and what a session costs while it idles.
#include "proxy/submission/session.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "proxy/submission/replies.h"
#include "tests/unit/submission/conversation.h"

namespace sallyport::submission {
namespace {

using runtime::Task;

TEST(Session, AnswersAPipelinedGroupInOneWrite) {
  converse([](Conversation& talk) -> Task<void> {
    co_await talk.log_in();
    const auto before = talk.server->writes();
    const std::string group = co_await talk.ask(
        "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\n"
        "DATA\r\n");
    EXPECT_EQ(talk.server->writes() - before, 1);
    EXPECT_TRUE(group.starts_with("250 2.1.0 "));
    EXPECT_TRUE(group.contains("354 "));
    const std::string accepted = co_await talk.ask("From: a@example.com\r\n\r\nhello\r\n.\r\n");
    EXPECT_EQ(talk.server->writes() - before, 2);
    EXPECT_TRUE(accepted.starts_with("250 2.0.0 Ok: "));
    EXPECT_EQ(talk.world.deliverer.delivered, 1);
  });
}

TEST(Session, NeverGathersMoreRepliesThanAFewKilobytes) {
  converse([](Conversation& talk) -> Task<void> {
    talk.config->session.max_idle_commands = 10'000;
    co_await talk.log_in();
    std::string many;
    for (int i = 0; i < 2000; ++i) many += "HELP\r\n";
    const auto before = talk.server->writes();
    const std::string help = co_await talk.ask(many);
    EXPECT_GT(help.size(), 100'000);
    EXPECT_GT(talk.server->writes() - before, 5);
    EXPECT_LT(talk.server->writes() - before, 20);
  });
}

TEST(Session, AFloodOfCommandsLeavesTurnsToOthers) {
  converse([](Conversation& talk) -> Task<void> {
    talk.config->session.max_idle_commands = 10'000;
    co_await talk.log_in();
    std::string flood;
    for (int i = 0; i < 2000; ++i) flood += "NOOP\r\n";
    const std::uint64_t before = talk.loop.turns();
    const std::string answers = co_await talk.ask(flood);
    EXPECT_EQ(answers.size(), 2000 * replies::kOk.size());
    EXPECT_GE(talk.loop.turns() - before, 2000u / 64);
  });
}

TEST(Session, CountsWhatHappened) {
  converse([](Conversation& talk) -> Task<void> {
    EXPECT_EQ(talk.listener.open_sessions.value(), 1);
    (void)co_await talk.ask("EHLO me\r\n");
    (void)co_await talk.ask("AUTH PLAIN AGFwcAB3cm9uZw==\r\n");
    (void)co_await talk.ask("AUTH LOGIN\r\n");
    (void)co_await talk.ask("*\r\n");
    (void)co_await talk.ask(std::string(kLogin));
    const auto& plain = talk.world.metrics.for_mechanism("PLAIN").results;
    EXPECT_EQ(plain[metrics::AuthResult::kRejected].value(), 1);
    EXPECT_EQ(plain[metrics::AuthResult::kAccepted].value(), 1);
    const auto& login = talk.world.metrics.for_mechanism("LOGIN").results;
    EXPECT_EQ(login[metrics::AuthResult::kAborted].value(), 1);

    (void)co_await talk.ask("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n");
    (void)co_await talk.ask("hello\r\n.\r\n");
    (void)co_await talk.ask("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n");
    (void)co_await talk.ask("bare\n.\r\n\r\n.\r\n");
    const auto& app = talk.world.metrics.for_user("app");
    EXPECT_EQ(app.messages[metrics::Outcome::kAccepted].value(), 1);
    EXPECT_EQ(app.bytes[metrics::Outcome::kAccepted].value(), 7);
    EXPECT_EQ(app.recipients[metrics::Outcome::kAccepted].value(), 1);
    EXPECT_EQ(app.messages[metrics::Outcome::kRejected].value(), 1);
    const auto& unfit = talk.world.metrics.process().unfit_messages;
    EXPECT_EQ(unfit[metrics::Unfit::kLineEnds].value(), 1);
    EXPECT_EQ(unfit[metrics::Unfit::kNul].value(), 0);
    co_await talk.end();
    talk.session.reset();
    EXPECT_EQ(talk.listener.open_sessions.value(), 0);
  });
}

TEST(Session, AnIdleOneEndsWhenItsLoginDoesNotHoldAnyMore) {
  converse([](Conversation& talk) -> Task<void> {
    co_await talk.log_in();
    talk.session->check_login();
    EXPECT_EQ(co_await talk.ask("NOOP\r\n"), "250 2.0.0 Ok\r\n");
    talk.world.authenticator.replace_users(auth::UserTable::build({}).value());
    talk.session->check_login();
    const auto told = co_await talk.client->read(talk.loop.after(std::chrono::seconds(1)));
    EXPECT_EQ(told.value_or(""), "421 4.7.0 Your user was removed, closing connection\r\n");
    co_await talk.end();
  });
}

TEST(Session, ATransactionIsEndedBeforeItsLogin) {
  converse([](Conversation& talk) -> Task<void> {
    co_await talk.log_in();
    (void)co_await talk.ask("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n");
    talk.world.authenticator.replace_users(auth::UserTable::build({}).value());
    talk.session->check_login();
    (void)co_await talk.ask("DATA\r\n");
    EXPECT_TRUE((co_await talk.ask("hello\r\n.\r\n")).starts_with("250 "));
    (void)co_await talk.client->write("MAIL FROM:<a@example.com>\r\n",
                                      talk.loop.after(std::chrono::seconds(1)));
    const auto told = co_await talk.client->read(talk.loop.after(std::chrono::seconds(1)));
    EXPECT_TRUE(told.value_or("").starts_with("421 4.7.0 "));
    co_await talk.end();
  });
}

TEST(Session, TellsTheRelayOf8bitHeaders) {
  converse([](Conversation& talk) -> Task<void> {
    co_await talk.log_in();
    for (const bool in_header : {true, false}) {
      (void)co_await talk.ask("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n");
      (void)co_await talk.ask(in_header ? "Subject: \xe4\r\n\r\n.\r\n"
                                        : "Subject: a\r\n\r\n\xe4\r\n.\r\n");
      EXPECT_EQ(talk.world.deliverer.has_8bit_header, in_header);
    }
    EXPECT_EQ(talk.world.deliverer.delivered, 2);
  });
}

TEST(Session, PassesOnWhatMailAndRcptSaid) {
  converse([](Conversation& talk) -> Task<void> {
    co_await talk.log_in();
    (void)co_await talk.ask(
        "MAIL FROM:<a@example.com> SIZE=9 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2Bb "
        "AUTH=other@example.com MT-PRIORITY=-3\r\n"
        "RCPT TO:<b@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c@example.net\r\n"
        "RCPT TO:<\xc3\xa4@example.net>\r\nDATA\r\n");
    (void)co_await talk.ask("hello\r\n.\r\n");
    const message::Envelope& envelope = talk.world.deliverer.envelope;
    // Who speaks for others is not believed: RFC 4954 section 5.
    const smtp::MailParameters expected{.size = 9,
                                        .body = smtp::BodyType::k8bitmime,
                                        .smtputf8 = true,
                                        .ret = smtp::Ret::kFull,
                                        .mt_priority = std::int8_t{-3},
                                        .envid = "a+2Bb",
                                        .auth = "<>"};
    EXPECT_EQ(envelope.parameters, expected);
    EXPECT_EQ(envelope.recipients.size(), 2);
    const smtp::RcptParameters asked{.notify = {.success = true, .delay = true},
                                     .orcpt = "rfc822;c@example.net"};
    EXPECT_EQ(envelope.recipients.front().parameters, asked);
    EXPECT_EQ(envelope.recipients.back().parameters, smtp::RcptParameters());
  });
}

TEST(Session, AnswersPipelinedChunksInOneWrite) {
  converse([](Conversation& talk) -> Task<void> {
    co_await talk.log_in();
    const auto before = talk.server->writes();
    const std::string group = co_await talk.ask(
        "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nBDAT 5\r\na: b\rBDAT 0\r\nBDAT "
        "1\r\n\nRCPT TO:<late@example.net>\r\nNOOP\r\n");
    EXPECT_EQ(talk.server->writes() - before, 1);
    EXPECT_TRUE(
        group.contains("250 2.0.0 5 octets received\r\n250 2.0.0 0 octets received\r\n250 "
                       "2.0.0 1 octets received\r\n503 5.5.1 "))
        << group;
    EXPECT_TRUE(group.ends_with("250 2.0.0 Ok\r\n"));
    const std::string accepted = co_await talk.ask("BDAT 7 LAST\r\n\r\nhello");
    EXPECT_TRUE(accepted.starts_with("250 2.0.0 Ok: ")) << accepted;
    EXPECT_EQ(talk.world.deliverer.delivered, 1);
    EXPECT_EQ(talk.world.budget.used(), 0);
  });
}

TEST(Session, TellsTheRelayWhatIsBinaryAndWhatIsBeyondAscii) {
  converse([](Conversation& talk) -> Task<void> {
    co_await talk.log_in();
    const auto send = [](Conversation& with, std::string body, std::string content) -> Task<void> {
      (void)co_await with.ask("MAIL FROM:<a@example.com> BODY=" + body +
                              "\r\nRCPT TO:<b@example.net>\r\n");
      const std::string reply = co_await with.ask("BDAT " + std::to_string(content.size()) +
                                                  " LAST\r\n" + std::move(content));
      EXPECT_TRUE(reply.starts_with("250 2.0.0 Ok: ")) << reply;
    };
    const Taker& taker = talk.world.deliverer;
    co_await send(talk, "BINARYMIME", std::string("a: b\r\n\r\n\0\n\r", 11));
    EXPECT_TRUE(taker.is_binary);
    EXPECT_FALSE(taker.has_8bit_header);
    co_await send(talk, "BINARYMIME", "a: b\r\n\r\nonly text\r\n");
    EXPECT_FALSE(taker.is_binary);
    co_await send(talk, "8BITMIME", "a: \xc3\xa4\r\n\r\nx");
    EXPECT_TRUE(taker.has_8bit_header);
    EXPECT_EQ(taker.delivered, 3);
  });
}

// config.disabled_extensions holds keywords that smtp:: knows, and all but those two.
TEST(Session, KnowsEveryExtensionThatCanBeDisabled) {
  for (const char* keyword :
       {"8BITMIME", "BINARYMIME", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES", "LIMITS", "MT-PRIORITY",
        "PIPELINING", "REQUIRETLS", "SIZE", "SMTPUTF8"}) {
    EXPECT_TRUE(smtp::extension_named(keyword)) << keyword;
  }
}

TEST(Session, IsSmallWhileItIdles) {
  // 5,000 idle sessions may cost 12 KiB each, TLS included, and TLS takes most of it.
  EXPECT_LE(sizeof(Session), 640);
}

}  // namespace
}  // namespace sallyport::submission
