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
  const auto& credentials = std::get<Credentials>(step);
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

}  // namespace
}  // namespace sallyport::auth
