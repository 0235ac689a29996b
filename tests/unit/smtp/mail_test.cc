#include <gtest/gtest.h>

#include "proxy/smtp/command.h"

namespace sallyport::smtp {
namespace {

template <class T>
std::string refusal(const Parse<T>& parsed) {
  if (parsed) return "accepted";
  std::string wire = parsed.error().wire();
  return wire.substr(0, wire.size() - 2);
}

Parse<MailCommand> mail(std::string_view arguments) {
  return parse_mail(arguments, ExtensionSet::all());
}

TEST(ParseMail, TakesAPathAndItsParameters) {
  const auto plain = mail("FROM:<jane@example.com>");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->reverse_path.str(), "jane@example.com");
  EXPECT_EQ(plain->parameters.size, std::nullopt);
  EXPECT_EQ(plain->parameters.body, BodyType::k7bit);

  const auto full = mail("from:<> body=8BitMime  SIZE=0012345");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->reverse_path, ReversePath());
  EXPECT_EQ(full->parameters.size, 12345u);
  EXPECT_EQ(full->parameters.body, BodyType::k8bitmime);

  EXPECT_EQ(mail("FROM:<> BODY=7BIT")->parameters.body, BodyType::k7bit);
  EXPECT_EQ(mail("FROM:<> SIZE=18446744073709551615")->parameters.size, ~std::uint64_t{0});
}

// RFC 5321 section 3.3 forbids it, and half of the world's scripts do it.
TEST(ParseMail, ToleratesSpacesAfterTheColonAndNowhereElse) {
  EXPECT_EQ(mail("FROM: <a@b>")->reverse_path.str(), "a@b");
  EXPECT_EQ(mail("FROM:   <a@b> SIZE=1")->parameters.size, 1u);
  for (const char* arguments : {"FROM :<a@b>", " FROM:<a@b>", "FROM:\t<a@b>", "FROM:<a@b>\tSIZE=1",
                                "FROM:< a@b>", "FROM:<a@b>SIZE=1"}) {
    EXPECT_FALSE(mail(arguments)) << arguments;
  }
}

TEST(ParseMail, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "501 5.5.4 MAIL wants FROM:<address>"},
      {"FROM", "501 5.5.4 MAIL wants FROM:<address>"},
      {"TO:<a@b>", "501 5.5.4 MAIL wants FROM:<address>"},
      {"FROM:", "501 5.1.7 Bad reverse-path: the address is missing"},
      {"FROM: ", "501 5.1.7 Bad reverse-path: the address is missing"},
      {"FROM:<a b@c>",
       "501 5.1.7 Bad reverse-path: the local part has a space, which is not allowed outside "
       "quotes"},
      {"FROM:<a@b+c>", "501 5.1.7 Bad reverse-path: the domain has '+', which is not allowed"},
      {"FROM:a@b>", "501 5.1.7 Bad reverse-path: the address has '>' after its domain"},
      {"FROM:<\xc3\xa4@b>",
       "553 5.6.7 Bad reverse-path: the local part goes beyond ASCII, which needs SMTPUTF8"},
      {"FROM:<\xc3@b>", "501 5.1.7 Bad reverse-path: the local part is not valid UTF-8"},
      {"FROM:<a b\xc3\xa4@c>",
       "501 5.1.7 Bad reverse-path: the local part has a space, which is not allowed outside "
       "quotes"},
      {"FROM:<a@\xc3\xa4>",
       "553 5.6.7 Bad reverse-path: the domain goes beyond ASCII, which needs SMTPUTF8"},

      {"FROM:<a@b>x", "501 5.5.4 There is 'x' where a space and a parameter should be"},
      {"FROM:<a@b>> x=1", "501 5.5.4 There is '>' where a space and a parameter should be"},
      {"FROM:<a@b> =5", "501 5.5.4 A parameter's name is not made of letters, digits and hyphens"},
      {"FROM:<a@b> -A=5",
       "501 5.5.4 A parameter's name is not made of letters, digits and hyphens"},
      {"FROM:<a@b> A_B", "501 5.5.4 A parameter's name is not made of letters, digits and hyphens"},
      {"FROM:<a@b> SIZE=", "501 5.5.4 SIZE wants a number of at most 20 digits"},
      {"FROM:<a@b> SIZE=1=2", "501 5.5.4 The value of SIZE has an octet that is not allowed"},
      {"FROM:<a@b> SIZE=\x7f", "501 5.5.4 The value of SIZE has an octet that is not allowed"},
      {"FROM:<a@b> X-COLOUR=red", "555 5.5.4 MAIL parameter X-COLOUR is not known here"},
      {"FROM:<a@b> X-COLOUR", "555 5.5.4 MAIL parameter X-COLOUR is not known here"},
      {"FROM:<a@b> SIZE=1 size=2", "501 5.5.4 MAIL parameter size is given twice"},
      {"FROM:<a@b> BODY=7BIT BODY=7BIT", "501 5.5.4 MAIL parameter BODY is given twice"},

      {"FROM:<a@b> SIZE", "501 5.5.4 SIZE wants a number of at most 20 digits"},
      {"FROM:<a@b> SIZE=-1", "501 5.5.4 SIZE wants a number of at most 20 digits"},
      {"FROM:<a@b> SIZE=1k", "501 5.5.4 SIZE wants a number of at most 20 digits"},
      {"FROM:<a@b> SIZE=000000000000000000001",
       "501 5.5.4 SIZE wants a number of at most 20 digits"},
      {"FROM:<a@b> SIZE=18446744073709551616", "552 5.3.4 No message can be as big as SIZE says"},
      {"FROM:<a@b> BODY", "501 5.5.4 BODY is 7BIT, 8BITMIME or BINARYMIME"},
      {"FROM:<a@b> BODY=9BIT", "501 5.5.4 BODY is 7BIT, 8BITMIME or BINARYMIME"},
      {"FROM:<a@b> SIZE=\xc2\xb2", "501 5.5.4 SIZE wants a number of at most 20 digits"},
  };
  for (const auto& [arguments, expected] : cases) {
    EXPECT_EQ(refusal(mail(arguments)), expected) << arguments;
  }
}

using enum Extension;

TEST(ParseMail, TakesTheParametersOfEachExtension) {
  const auto all = mail(
      "FROM:<a@b> RET=HDRS ENVID=QQ+2B314159 SMTPUTF8 REQUIRETLS AUTH=e+3Dmc2@example.com "
      "MT-PRIORITY=-9 BODY=BINARYMIME SIZE=7");
  ASSERT_TRUE(all) << refusal(all);
  // Texts go on as they came.
  const MailParameters expected{.size = 7,
                                .body = BodyType::kBinarymime,
                                .smtputf8 = true,
                                .require_tls = true,
                                .ret = Ret::kHeaders,
                                .mt_priority = std::int8_t{-9},
                                .envid = "QQ+2B314159",
                                .auth = "e+3Dmc2@example.com"};
  EXPECT_EQ(all->parameters, expected);
  EXPECT_EQ(mail("FROM:<a@b> ret=full")->parameters.ret, Ret::kFull);
  EXPECT_EQ(mail("FROM:<a@b> AUTH=<>")->parameters.auth, "<>");
  // What gateways write that know no value, and digits in lower case.
  EXPECT_EQ(mail("FROM:<a@b> AUTH=")->parameters.auth, "<>");
  EXPECT_EQ(mail("FROM:<a@b> ENVID=")->parameters.envid, "");
  EXPECT_EQ(mail("FROM:<a@b> ENVID=gw:+20[/PRMD+3dorg/]")->parameters.envid,
            "gw:+20[/PRMD+3Dorg/]");
  EXPECT_EQ(mail("FROM:<a@b> MT-PRIORITY=0")->parameters.mt_priority, 0);
  EXPECT_EQ(mail("FROM:<a@b> MT-PRIORITY=9")->parameters.mt_priority, 9);
  EXPECT_EQ(mail("FROM:<a@b>")->parameters, MailParameters());
}

TEST(ParseMail, RefusesValuesThatAreNone) {
  const std::string too_long(101, 'x');
  const std::pair<std::string, const char*> cases[] = {
      // RFC 6531 section 3.4, RFC 8689 section 2: no values.
      {"SMTPUTF8=1", "501 5.5.4 SMTPUTF8 takes no value"},
      {"REQUIRETLS=yes", "501 5.5.4 REQUIRETLS takes no value"},
      // RFC 3461 section 4.3.
      {"RET", "501 5.5.4 RET is FULL or HDRS"},
      {"RET=NONE", "501 5.5.4 RET is FULL or HDRS"},
      {"RET=FULL RET=HDRS", "501 5.5.4 MAIL parameter RET is given twice"},
      // RFC 3461 section 4.4.
      {"ENVID", "501 5.5.4 ENVID wants a value"},
      {"ENVID=a+2g",
       "501 5.5.4 ENVID is not xtext: it has a '+' without two digits of hexadecimal "
       "behind it"},
      {"ENVID=a\xc3\xa4",
       "501 5.5.4 ENVID is not xtext: it has the octet 195, which xtext writes "
       "as '+C3'"},
      {"ENVID=+0D+0A", "501 5.5.4 ENVID stands for an octet that is not printable ASCII"},
      {"ENVID=+C3+A4", "501 5.5.4 ENVID stands for an octet that is not printable ASCII"},
      {"ENVID=" + too_long, "501 5.5.4 ENVID is longer than 100 characters"},
      // RFC 4954 section 5.
      {"AUTH", "501 5.5.4 AUTH wants a mailbox or <>"},
      {"AUTH=jane", "501 5.5.4 AUTH is no mailbox and not <>: the address has no '@' and domain"},
      {"AUTH=<a@b>",
       "501 5.5.4 AUTH is no mailbox and not <>: the local part has '<', which is not allowed "
       "outside quotes"},
      {"AUTH=a+@b",
       "501 5.5.4 AUTH is not xtext: it has a '+' without two digits of hexadecimal "
       "behind it"},
      {"AUTH=<> AUTH=<>", "501 5.5.4 MAIL parameter AUTH is given twice"},
      // RFC 6710 section 5.
      {"MT-PRIORITY", "501 5.5.4 MT-PRIORITY is a number from -9 to 9"},
      {"MT-PRIORITY=10", "501 5.5.4 MT-PRIORITY is a number from -9 to 9"},
      {"MT-PRIORITY=+1", "501 5.5.4 MT-PRIORITY is a number from -9 to 9"},
      {"MT-PRIORITY=-0", "501 5.5.4 MT-PRIORITY is a number from -9 to 9"},
      {"MT-PRIORITY=-", "501 5.5.4 MT-PRIORITY is a number from -9 to 9"},
      {"MT-PRIORITY=01", "501 5.5.4 MT-PRIORITY is a number from -9 to 9"},
  };
  for (const auto& [parameter, expected] : cases) {
    EXPECT_EQ(refusal(mail("FROM:<a@b> " + parameter)), expected) << parameter;
  }
  // 100 characters are counted before they are encoded.
  std::string encoded;
  for (int i = 0; i < 100; ++i) encoded += "+3D";
  EXPECT_TRUE(mail("FROM:<a@b> ENVID=" + encoded));
}

// RFC 6531 section 3.4: the parameter stands anywhere behind the path that it is about.
TEST(ParseMail, LetsPathsGoBeyondAsciiWithSmtputf8) {
  const auto path = mail(
      "FROM:<j\xc3\xa4ne@b\xc3\xbc"
      "cher.example> SIZE=1 smtputf8");
  ASSERT_TRUE(path) << refusal(path);
  EXPECT_EQ(path->reverse_path.str(),
            "j\xc3\xa4ne@b\xc3\xbc"
            "cher.example");
  EXPECT_TRUE(mail("FROM:<@\xc3\xa4:a@b> SMTPUTF8"));
  // No overlong forms, no surrogates, nothing cut off: RFC 3629.
  for (const char* local : {"\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    EXPECT_EQ(refusal(mail("FROM:<" + std::string(local) + "@b> SMTPUTF8")),
              "501 5.1.7 Bad reverse-path: the local part is not valid UTF-8");
  }
  EXPECT_EQ(refusal(mail("FROM:<@\xc3\xa4:a@b>")),
            "553 5.6.7 Bad reverse-path: the domain goes beyond ASCII, which needs SMTPUTF8");
}

// What was not offered is not known, whatever its value.
TEST(ParseMail, KnowsTheParametersOfWhatIsOfferedOnly) {
  const std::pair<Extension, const char*> cases[] = {
      {kSize, "SIZE=x"},
      {kSmtputf8, "SMTPUTF8"},
      {kDsn, "RET=FULL"},
      {kDsn, "ENVID=x"},
      {kRequireTls, "REQUIRETLS"},
      {kAuth, "AUTH=<>"},
      {kMtPriority, "MT-PRIORITY=1"},
  };
  for (const auto& [extension, parameter] : cases) {
    ExtensionSet offered = ExtensionSet::all();
    offered.erase(extension);
    const auto parsed = parse_mail("FROM:<a@b> " + std::string(parameter), offered);
    EXPECT_TRUE(refusal(parsed).ends_with(" is not known here")) << refusal(parsed);
    EXPECT_TRUE(refusal(parsed).starts_with("555 5.5.4 MAIL parameter ")) << refusal(parsed);
  }
  EXPECT_EQ(refusal(parse_mail("FROM:<a@b> BODY=7BIT", {kSize})),
            "555 5.5.4 MAIL parameter BODY is not known here");
  EXPECT_EQ(refusal(parse_mail("FROM:<a@b> BODY=BINARYMIME", {k8bitmime})),
            "501 5.5.4 BODY is 7BIT or 8BITMIME");
  EXPECT_TRUE(parse_mail("FROM:<a@b>", {}));
}

}  // namespace
}  // namespace sallyport::smtp
