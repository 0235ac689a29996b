#include "proxy/relay/provider.h"

#include <gtest/gtest.h>

namespace sallyport::relay {
namespace {

using config::Provider;

smtp::Reply parse(std::string_view line) {
  const std::string wire = std::string(line) + "\r\n";
  std::string_view rest = wire;
  auto reply = smtp::ReplyParser().feed(rest).value();
  return reply ? std::move(*reply) : smtp::Reply();
}

TEST(Provider, RepliesMeanWhatTheProviderDocuments) {
  const struct {
    Provider provider;
    const char* reply;
    Meaning meaning;
  } cases[] = {
      {Provider::kSes, "454 Throttling failure: Maximum sending rate exceeded.",
       Meaning::kThrottled},
      {Provider::kSes, "454 Throttling failure: Daily message quota exceeded.", Meaning::kQuota},
      {Provider::kSes, "421 Too many concurrent SMTP connections", Meaning::kThrottled},
      {Provider::kSes, "454 Temporary authentication failure", Meaning::kPlain},
      {Provider::kSes, "451 4.4.2 Timeout waiting for data from client", Meaning::kPlain},
      {Provider::kSes, "554 Message rejected: Email address is not verified.", Meaning::kPlain},
      {Provider::kSes, "535 Authentication Credentials Invalid", Meaning::kCredentials},
      {Provider::kSendgrid, "451 Authentication failed: Maximum credits exceeded", Meaning::kQuota},
      {Provider::kSendgrid, "550 Unauthenticated senders not allowed", Meaning::kCredentials},
      {Provider::kSmtp, "432 4.3.2 Concurrent connections limit exceeded. Visit ...",
       Meaning::kThrottled},
      {Provider::kSmtp, "550 5.7.1 Daily SMTP relay limit exceeded", Meaning::kQuota},
      {Provider::kSmtp, "450 4.2.1 PEAK SMTP relay limit exceeded", Meaning::kThrottled},
      {Provider::kSmtp, "450 The given data was invalid. The from.email must be verified",
       Meaning::kPermanent},
      {Provider::kSmtp, "530 5.7.0 Authentication required", Meaning::kCredentials},
      {Provider::kSmtp, "550 5.7.30 Basic authentication is not supported for Client Submission.",
       Meaning::kCredentials},
      {Provider::kSmtp, "450 4.2.0 Greylisted", Meaning::kPlain},
      // Another provider's words mean nothing here.
      {Provider::kMailgun, "454 Throttling failure: Maximum sending rate exceeded.",
       Meaning::kPlain},
  };
  for (const auto& c : cases)
    EXPECT_EQ(meaning_of(c.provider, parse(c.reply)), c.meaning) << c.reply;
}

TEST(Provider, AnyLineOfAReplyTells) {
  smtp::Reply reply(454, {4, 7, 0}, "First line");
  reply.lines.emplace_back("throttling FAILURE: too fast");
  EXPECT_EQ(meaning_of(Provider::kSes, reply), Meaning::kThrottled);
}

TEST(Provider, MessageIds) {
  const struct {
    Provider provider;
    const char* reply;
    const char* id;
  } cases[] = {
      {Provider::kSes, "250 Ok 0102018f-3a-000000", "0102018f-3a-000000"},
      {Provider::kSendgrid, "250 Ok: queued as QJZ-2 w", "QJZ-2"},
      {Provider::kMailgun, "250 Great success", ""},
      {Provider::kSmtp, "250 2.0.0 Ok: queued as 4W1Zk", "4W1Zk"},
      {Provider::kSmtp, "250 2.0.0 OK: queued as <2024.1@smtp.example>", "<2024.1@smtp.example>"},
      {Provider::kSmtp, "250 OK id=1sXy-0001-AB", "1sXy-0001-AB"},
      {Provider::kSmtp, "250 2.0.0 Ok: 01HX Ok: captured as 17.M1", "01HX"},
      {Provider::kSmtp, "250 Thanks", ""},
      {Provider::kCapture, "250 2.0.0 Ok: captured as 17.M1P2Q3.gw", "17.M1P2Q3.gw"},
  };
  for (const auto& c : cases) {
    const smtp::Reply reply = parse(c.reply);
    EXPECT_EQ(message_id_in(c.provider, reply), c.id) << c.reply;
  }
}

}  // namespace
}  // namespace sallyport::relay
