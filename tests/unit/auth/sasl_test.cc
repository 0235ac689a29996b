#include "auth/sasl.h"

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::auth {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

/// What a whole exchange came to, as one line: "challenge(…)", "authzid|authcid|password" or the
/// reason.
std::string told(const SaslStep& step) {
  if (const auto* challenge = std::get_if<Challenge>(&step))
    return "challenge(" + challenge->text + ")";
  if (const auto* malformed = std::get_if<Malformed>(&step)) return malformed->reason;
  if (std::holds_alternative<Disproved>(step)) return "disproved";
  const auto& proof = std::get<Proof>(step);
  if (const auto* token = std::get_if<BearerToken>(&proof)) {
    return token->name + '|' + std::string(token->token.reveal());
  }
  const auto& credentials = std::get<Password>(proof);
  return credentials.authzid + '|' + credentials.authcid + '|' +
         std::string(credentials.password.reveal());
}

TEST(Sasl, KnowsItsMechanismsByTheirRegisteredNames) {
  EXPECT_NE(start_exchange("PLAIN"), nullptr);
  EXPECT_NE(start_exchange("LOGIN"), nullptr);
  for (const char* unknown : {"plain", "CRAM-MD5", "", "PLAIN "}) {
    EXPECT_EQ(start_exchange(unknown), nullptr) << unknown;
  }
}

TEST(Plain, WithoutInitialResponseTheChallengeIsEmpty) {
  const auto exchange = start_exchange("PLAIN");
  EXPECT_EQ(told(exchange->step(std::nullopt)), "challenge()");
  EXPECT_EQ(told(exchange->step("\0billing\0secret"sv)), "|billing|secret");
}

TEST(Plain, ReadsOneMessage) {
  const std::string form =
      "PLAIN wants: authorization identity or nothing, NUL, user name, NUL, password";
  const std::string long_name(kMaxIdentity, 'n');
  const std::string long_password(kMaxPassword, 'p');
  const struct {
    std::string response;
    std::string expected;
  } cases[] = {
      // RFC 4616 section 4, its two examples.
      {"\0tim\0tanstaaftanstaaf"s, "|tim|tanstaaftanstaaf"},
      {"Ursel\0Kurt\0xipj3plmq"s, "Ursel|Kurt|xipj3plmq"},
      {"\0müller\0pässwörd €"s, "|müller|pässwörd €"},
      {"\0a\0 "s, "|a| "},  // spaces are a password's own affair
      {"\0"s + long_name + "\0"s + long_password, '|' + long_name + '|' + long_password},

      {"", form},
      {"billing", form},
      {"billing\0secret"s, form},
      {"\0\0"s, "the user name is empty"},
      {"\0\0secret"s, "the user name is empty"},
      {"billing\0\0secret"s, "the user name is empty"},
      {"\0billing\0"s, "the password is empty"},
      {"\0billing\0secret\0"s, "the password has a control character"},
      {"\0billing\0sec\0ret"s, "the password has a control character"},
      {"\0bill\ning\0secret"s, "the user name has a control character"},
      {"\0billing\0sec\x7fret"s, "the password has a control character"},
      {"\0bill\xc2\x85ing\0secret"s, "the user name has a control character"},
      {"a\r\nb\0billing\0secret"s, "the authorization identity has a control character"},
      {"\0bill\xffing\0secret"s, "the user name is not UTF-8"},
      {"\xc3\0billing\0secret"s, "the authorization identity is not UTF-8"},
      {"\0billing\0\xed\xa0\x80"s, "the password is not UTF-8"},
      {"\0billing\0\xc0\xaf"s, "the password is not UTF-8"},
      {"\0n"s + long_name + "\0secret"s, "the user name is too long"},
      {"z"s + long_name + "\0billing\0secret"s, "the authorization identity is too long"},
      {"\0billing\0p"s + long_password, "the password is too long"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(told(start_exchange("PLAIN")->step(c.response)), c.expected);
  }
}

TEST(Login, AsksForNameThenPassword) {
  const auto exchange = start_exchange("LOGIN");
  EXPECT_EQ(told(exchange->step(std::nullopt)), "challenge(Username:)");
  EXPECT_EQ(told(exchange->step("billing")), "challenge(Password:)");
  EXPECT_EQ(told(exchange->step("secret")), "|billing|secret");
}

TEST(Login, TakesTheNameAsInitialResponse) {
  const auto exchange = start_exchange("LOGIN");
  EXPECT_EQ(told(exchange->step("billing")), "challenge(Password:)");
  EXPECT_EQ(told(exchange->step("secret")), "|billing|secret");
}

TEST(Login, RefusesANameBeforeItAsksForThePassword) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "the user name is empty"},
      {"bill\0ing"s, "the user name has a control character"},
      {"bill\xe9ing", "the user name is not UTF-8"},
      {std::string(kMaxIdentity + 1, 'n'), "the user name is too long"},
  };
  for (const auto& [name, expected] : cases) {
    EXPECT_EQ(told(start_exchange("LOGIN")->step(name)), expected);
  }
}

TEST(Login, RefusesAPasswordThatCouldNotBeOne) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "the password is empty"},
      {"\0"s, "the password has a control character"},
      {std::string(kMaxPassword + 1, 'p'), "the password is too long"},
  };
  for (const auto& [password, expected] : cases) {
    const auto exchange = start_exchange("LOGIN");
    (void)exchange->step("billing");
    EXPECT_EQ(told(exchange->step(password)), expected);
  }
}

TEST(OauthBearer, ReadsOneMessage) {
  const std::string form = "OAUTHBEARER wants: n,a=NAME,^Aauth=Bearer TOKEN^A^A";
  const std::pair<std::string, std::string> cases[] = {
      // RFC 7628 section 4.1.
      {"n,a=user@example.com,\1host=server.example.com\1port=143\1"
       "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1",
       "user@example.com|vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="},
      {"n,,\1auth=Bearer a.b-c_d~e+f/g\1\1", "|a.b-c_d~e+f/g"},
      {"y,,\1auth=bearer x\1\1", "|x"},
      {"n,a=a=2Cb=3Dc,\1auth=Bearer x\1\1", "a,b=c|x"},
      {"", form},
      {"p=tls-exporter,,\1auth=Bearer x\1\1", form},
      {"n,a=b", "the GS2 header does not end"},
      {"n,b,\1auth=Bearer x\1\1", "the GS2 header names no authzid"},
      {"n,a=,\1auth=Bearer x\1\1", "the GS2 header has a bad authzid"},
      {"n,a=x=41,\1auth=Bearer x\1\1", "the GS2 header has a bad authzid"},
      {"n,a=a\nb,\1auth=Bearer x\1\1", "the user name has a control character"},
      {"n,,auth=Bearer x\1\1", "there is no ^A behind the GS2 header"},
      {"n,,\1auth=Bearer x\1", "the response does not end with ^A^A"},
      {"n,,\1auth=Bearer x\1\1\1", "the response does not end with ^A^A"},
      {"n,,\1auth=Bearer x", "a pair does not end with ^A"},
      {"n,,\1\1", "auth is not \"Bearer\" and a token"},
      {"n,,\1auth=Basic x\1\1", "auth is not \"Bearer\" and a token"},
      {"n,,\1auth=Bearer x\1auth=Bearer y\1\1", "auth is there twice"},
      {"n,,\1auth=Bearer \1\1", "the token has characters that none has"},
      {"n,,\1auth=Bearer ==\1\1", "the token has characters that none has"},
      {"n,,\1auth=Bearer a b\1\1", "the token has characters that none has"},
      {"n,,\1auth=Bearer " + std::string(kMaxToken + 1, 't') + "\1\1", "the token is too long"},
  };
  for (const auto& [response, expected] : cases) {
    EXPECT_EQ(told(start_exchange("OAUTHBEARER")->step(response)), expected);
  }
  EXPECT_EQ(told(start_exchange("OAUTHBEARER")->step(std::nullopt)), "challenge()");
  EXPECT_EQ(start_exchange("OAUTHBEARER")->last_word(), R"({"status":"invalid_token"})");
}

TEST(Xoauth2, ReadsOneMessage) {
  const std::string form = "XOAUTH2 wants: user=NAME^Aauth=Bearer TOKEN^A^A";
  const std::pair<std::string, std::string> cases[] = {
      {"user=someuser@example.com\1auth=Bearer ya29.vF9dft4q\1\1",
       "someuser@example.com|ya29.vF9dft4q"},
      {"user=\1auth=Bearer x\1\1", "|x"},
      {"auth=Bearer x\1\1", form},
      {"user=a", form},
      {"user=a\xff\1auth=Bearer x\1\1", "the user name is not UTF-8"},
      {"user=a\1\1", "auth is not \"Bearer\" and a token"},
  };
  for (const auto& [response, expected] : cases) {
    EXPECT_EQ(told(start_exchange("XOAUTH2")->step(response)), expected);
  }
}

}  // namespace
}  // namespace sallyport::auth
