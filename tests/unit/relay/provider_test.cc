// Every reply that a provider file documents means what the file says, and nothing that a client
// brought can change what a reply means.
#include "proxy/relay/provider.h"

#include <gtest/gtest.h>

#include "proxy/relay/attempt.h"

namespace sallyport::relay {
namespace {

using config::built_in_provider;

smtp::Reply parse(std::string_view line) {
  const std::string wire = std::string(line) + "\r\n";
  std::string_view rest = wire;
  auto reply = smtp::ReplyParser().feed(rest).value();
  return reply ? std::move(*reply) : smtp::Reply();
}

Stage stage_of(std::string_view word) {
  if (word == "greeting") return Stage::kGreeting;
  if (word == "ehlo") return Stage::kEhlo;
  if (word == "starttls") return Stage::kTls;
  if (word == "auth") return Stage::kAuth;
  if (word == "rset") return Stage::kRset;
  if (word == "mail") return Stage::kMail;
  if (word == "rcpt") return Stage::kRcpt;
  if (word == "data") return Stage::kData;
  return Stage::kEnd;
}

Meaning meaning(std::string_view provider, std::string_view reply, Stage stage = Stage::kEnd) {
  return read_reply(*built_in_provider(provider), stage, parse(reply)).meaning;
}

void expect_examples(const config::Provider& provider, std::span<const config::ReplyRule> rules) {
  for (const config::ReplyRule& rule : rules) {
    SCOPED_TRACE(rule.source);
    EXPECT_FALSE(rule.examples.empty());
    EXPECT_FALSE(rule.why.empty());
    for (const std::string& example : rule.examples) {
      for (const std::string& stage : rule.stages) {
        const Reading reading = read_reply(provider, stage_of(stage), parse(example));
        EXPECT_EQ(config::name(reading.meaning), config::name(rule.meaning))
            << example << " at " << stage << ", by "
            << (reading.rule ? reading.rule->source : "its code");
      }
    }
  }
}

TEST(Provider, EveryDocumentedReplyMeansWhatItsFileSays) {
  for (const auto& provider : config::built_in_providers()) {
    expect_examples(*provider, provider->replies);
  }
  expect_examples(*built_in_provider("smtp"), config::common_reply_rules());
}

TEST(Provider, UnknownTextIsReadByItsCodeAlone) {
  for (const auto& provider : config::built_in_providers()) {
    SCOPED_TRACE(provider->name);
    for (const char* reply :
         {"421 4.3.2 Service not available", "450 4.2.0 Greylisted", "451 4.3.0 Try again",
          "452 4.3.1 Insufficient system storage", "550 5.1.1 No such user",
          "550 5.7.1 Spam detected", "552 5.2.2 Mailbox full: quota exceeded",
          "554 5.6.0 Message content rejected", "550 5.7.26 DMARC policy"}) {
      for (const Stage stage : {Stage::kMail, Stage::kRcpt, Stage::kData, Stage::kEnd}) {
        EXPECT_EQ(read_reply(*provider, stage, parse(reply)).meaning, Meaning::kPlain) << reply;
      }
    }
    for (const char* reply : {"530 5.7.0 Authentication required", "535 5.7.8 Bad credentials"}) {
      for (const Stage stage : {Stage::kAuth, Stage::kMail, Stage::kEnd}) {
        EXPECT_EQ(read_reply(*provider, stage, parse(reply)).meaning, Meaning::kCredentials);
      }
    }
  }
}

TEST(Provider, TheWordsOfOneProviderMeanNothingFromAnother) {
  EXPECT_EQ(meaning("mailgun", "454 Throttling failure: Maximum sending rate exceeded."),
            Meaning::kPlain);
  EXPECT_EQ(meaning("ses", "250 Ok suppression for user x to y"), Meaning::kPlain);
}

TEST(Provider, AReplyToRcptSpeaksOfTheRecipient) {
  for (const char* reply :
       {"550 5.7.1 Daily SMTP relay limit exceeded for customer", "550 5.4.5 Over limit",
        "452 4.2.2 Daily user sending quota exceeded", "550 Unauthenticated senders not allowed",
        "554 Message rejected: Email address is not verified.", "550 Your account is suspended"}) {
    for (const char* provider : {"smtp", "sendgrid", "ses"}) {
      EXPECT_EQ(meaning(provider, reply, Stage::kRcpt), Meaning::kPlain) << reply;
    }
  }
}

TEST(Provider, WhatTheClientSaidIsNotTheProvidersWord) {
  message::Envelope envelope;
  envelope.reverse_path.mailbox =
      smtp::Mailbox{"\"Daily SMTP relay limit exceeded\"", "example.com"};
  envelope.recipients.push_back({smtp::Mailbox{"account-suspended", "too-many.example"}});
  const auto& smtp = *built_in_provider("smtp");
  const struct {
    Stage stage;
    const char* reply;
  } cases[] = {
      {Stage::kMail, "550 5.1.8 \"Daily SMTP relay limit exceeded\"@example.com: unknown sender"},
      {Stage::kMail, "550 <\"daily smtp RELAY limit exceeded\"@example.com> is not welcome"},
      {Stage::kMail, "550 account-suspended@too-many.example"},
      {Stage::kEnd,
       "554 \"Daily SMTP relay limit exceeded\"@example.com to "
       "account-suspended@too-many.example was refused"},
      // The text of a rule stands at the beginning of a line, so a quoted subject gives none.
      {Stage::kEnd, "554 5.7.1 Refused for its subject: Sending suspended for this account"},
      {Stage::kEnd, "554 5.7.1 'Peak SMTP relay limit exceeded' looks like spam"},
  };
  for (const auto& c : cases) {
    const Attempt attempt = refusal(c.stage, parse(c.reply), smtp, envelope);
    EXPECT_EQ(attempt.meaning, Meaning::kPlain) << c.reply;
    EXPECT_EQ(attempt.end, End::kRefused) << c.reply;
  }
}

TEST(Provider, AnyLineOfAReplyTells) {
  smtp::Reply reply(454, {4, 7, 0}, "First line");
  reply.lines.emplace_back("throttling FAILURE: too fast");
  EXPECT_EQ(read_reply(*built_in_provider("ses"), Stage::kEnd, reply).meaning, Meaning::kThrottled);
}

TEST(Provider, AnEnhancedCodeInFrontOfALineIsNoText) {
  smtp::Reply reply(550, "First line");
  reply.lines.emplace_back("5.4.5  Daily user sending quota exceeded.");
  EXPECT_EQ(read_reply(*built_in_provider("smtp"), Stage::kEnd, reply).meaning, Meaning::kQuota);
}

TEST(Provider, MessageIds) {
  const struct {
    const char* provider;
    const char* reply;
    const char* id;
  } cases[] = {
      {"ses", "250 Ok 0102018f-3a-000000", "0102018f-3a-000000"},
      {"sendgrid", "250 Ok: queued as QJZ-2 w", "QJZ-2"},
      {"mailgun", "250 Great success", ""},
      {"smtp", "250 2.0.0 Ok: queued as 4W1Zk", "4W1Zk"},
      {"smtp", "250 2.0.0 OK: queued as <2024.1@smtp.example>", "<2024.1@smtp.example>"},
      {"smtp", "250 OK id=1sXy-0001-AB", "1sXy-0001-AB"},
      {"smtp", "250 2.0.0 Ok: 01HX Ok: captured as 17.M1", "01HX"},
      {"smtp", "250 Thanks", ""},
      {"capture", "250 2.0.0 Ok: captured as 17.M1P2Q3.gw", "17.M1P2Q3.gw"},
      {"mailjet", "250 OK queued as 7f3c", "7f3c"},
      {"brevo", "250 2.0.0 OK: queued as <1@example.com>", "<1@example.com>"},
      {"emailit", "250 2.0.0 OK: queued as em_42", "em_42"},
      {"mailersend", "250 Message queued as 65f", "65f"},
  };
  for (const auto& c : cases) {
    const smtp::Reply reply = parse(c.reply);
    EXPECT_EQ(message_id_in(*built_in_provider(c.provider), reply), c.id) << c.reply;
  }
}

}  // namespace
}  // namespace sallyport::relay
