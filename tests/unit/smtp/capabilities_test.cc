#include "proxy/smtp/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::smtp {
namespace {

using testing::ElementsAre;

Capabilities offered_by(std::vector<std::string> lines) {
  Reply ehlo(250, "mail.example.com greets us");
  ehlo.lines.insert(ehlo.lines.end(), lines.begin(), lines.end());
  return parse_capabilities(ehlo);
}

TEST(ParseCapabilities, ReadsWhatAProviderSays) {
  const Capabilities ses = offered_by({"8BITMIME", "STARTTLS", "AUTH PLAIN LOGIN", "Ok"});
  EXPECT_TRUE(ses.eight_bit_mime);
  EXPECT_TRUE(ses.starttls);
  EXPECT_FALSE(ses.pipelining);
  EXPECT_FALSE(ses.has_size);
  EXPECT_THAT(ses.auth, ElementsAre("PLAIN", "LOGIN"));

  const Capabilities mailgun = offered_by({"AUTH PLAIN LOGIN", "SIZE 52428800", "8BITMIME",
                                           "ENHANCEDSTATUSCODES", "SMTPUTF8", "PIPELINING"});
  EXPECT_TRUE(mailgun.pipelining);
  EXPECT_TRUE(mailgun.enhanced_status_codes);
  EXPECT_EQ(mailgun.size, 52428800u);
}

TEST(ParseCapabilities, HasNoRegardToCase) {
  const Capabilities offered = offered_by({"pipelining", "Auth plain xOAuth2", "size 7"});
  EXPECT_TRUE(offered.pipelining);
  EXPECT_THAT(offered.auth, ElementsAre("PLAIN", "XOAUTH2"));
  EXPECT_TRUE(offered.offers_auth("XOauth2"));
  EXPECT_FALSE(offered.offers_auth("XOAUTH"));
  EXPECT_EQ(offered.size, 7u);
}

TEST(ParseCapabilities, TakesTheOldFormOfAuth) {
  EXPECT_THAT(offered_by({"AUTH=LOGIN PLAIN"}).auth, ElementsAre("LOGIN", "PLAIN"));
  EXPECT_THAT(offered_by({"AUTH=LOGIN", "AUTH LOGIN  PLAIN "}).auth, ElementsAre("LOGIN", "PLAIN"));
  EXPECT_THAT(offered_by({"AUTH"}).auth, ElementsAre());
}

// RFC 1870 section 3.
TEST(ParseCapabilities, TakesSizeWithAndWithoutANumber) {
  const std::pair<const char*, std::uint64_t> sizes[] = {
      {"SIZE", 0},    {"SIZE 0", 0},    {"SIZE 18446744073709551615", ~std::uint64_t{0}},
      {"SIZE -1", 0}, {"SIZE many", 0}, {"SIZE 18446744073709551616", 0},
      {"SIZE 5x", 0},
  };
  for (const auto& [line, size] : sizes) {
    const Capabilities offered = offered_by({line});
    EXPECT_TRUE(offered.has_size) << line;
    EXPECT_EQ(offered.size, size) << line;
  }
}

TEST(ParseCapabilities, ReadsWhatMicrosoftAndGoogleSay) {
  const Capabilities offered = offered_by({"SIZE 157286400", "DSN", "BINARYMIME", "CHUNKING",
                                           "SMTPUTF8", "REQUIRETLS", "MT-PRIORITY STANAG4406"});
  EXPECT_TRUE(offered.dsn);
  EXPECT_TRUE(offered.binary_mime);
  EXPECT_TRUE(offered.chunking);
  EXPECT_TRUE(offered.smtputf8);
  EXPECT_TRUE(offered.require_tls);
  EXPECT_TRUE(offered.mt_priority);
}

// RFC 9422 section 4.
TEST(ParseCapabilities, ReadsLimitsAndSkipsThoseItDoesNotKnow) {
  EXPECT_EQ(offered_by({"limits rcptmax=100 MAILMAX=5"}).limits,
            (Limits{.mail_max = 5, .rcpt_max = 100}));
  EXPECT_EQ(offered_by({"LIMITS RCPTDOMAINMAX=1 RCPTMAX=7 X"}).limits, (Limits{.rcpt_max = 7}));
  EXPECT_EQ(offered_by({"LIMITS RCPTMAX=many MAILMAX= RCPTMAX"}).limits, Limits());
}

TEST(ParseCapabilities, SkipsTheServersNameAndWhatItDoesNotKnow) {
  Reply named_badly(250, "PIPELINING");
  EXPECT_EQ(parse_capabilities(named_badly), Capabilities());
  EXPECT_EQ(parse_capabilities(Reply()), Capabilities());
  EXPECT_EQ(offered_by({"", "X-PIPELINING", "PIPELINING2", "SIZES 5", "AUTHX PLAIN"}),
            Capabilities());
}

TEST(EhloReply, SaysTheNameThenOneLineACapability) {
  const Capabilities offered{.pipelining = true,
                             .eight_bit_mime = true,
                             .enhanced_status_codes = true,
                             .starttls = true,
                             .has_size = true,
                             .size = 1000,
                             .auth = {"PLAIN", "LOGIN"}};
  EXPECT_EQ(ehlo_reply("mail.example.com", "client.example", offered).wire(),
            "250-mail.example.com greets client.example\r\n"
            "250-PIPELINING\r\n"
            "250-8BITMIME\r\n"
            "250-ENHANCEDSTATUSCODES\r\n"
            "250-STARTTLS\r\n"
            "250-SIZE 1000\r\n"
            "250 AUTH PLAIN LOGIN\r\n");
  EXPECT_EQ(ehlo_reply("a", "b", {}).wire(), "250 a greets b\r\n");
  EXPECT_EQ(ehlo_reply("a", "b", {.has_size = true}).wire(), "250-a greets b\r\n250 SIZE\r\n");
}

TEST(EhloReply, IsReadBackAsItWasMeant) {
  const Capabilities offered{.pipelining = true,
                             .starttls = true,
                             .chunking = true,
                             .binary_mime = true,
                             .smtputf8 = true,
                             .dsn = true,
                             .require_tls = true,
                             .mt_priority = true,
                             .has_size = true,
                             .size = 9,
                             .limits = {.mail_max = 50, .rcpt_max = 1000},
                             .auth = {"SCRAM-SHA-256"}};
  EXPECT_EQ(parse_capabilities(ehlo_reply("a", "b", offered)), offered);
}

}  // namespace
}  // namespace sallyport::smtp
