#include "proxy/smtp/command.h"

#include <gtest/gtest.h>

namespace sallyport::smtp {
namespace {

using namespace std::string_literals;

template <class T>
std::string refusal(const Parse<T>& parsed) {
  if (parsed) return "accepted";
  std::string wire = parsed.error().wire();
  return wire.substr(0, wire.size() - 2);
}

TEST(SplitCommand, KnowsEachVerbInAnyCase) {
  for (int i = 0; i < static_cast<int>(Verb::kUnknown); ++i) {
    const auto verb = static_cast<Verb>(i);
    std::string word(name(verb));
    EXPECT_EQ(split_command(word).verb, verb);
    for (char& c : word) c = static_cast<char>(c | 0x20);
    EXPECT_EQ(split_command(word + " x").verb, verb);
  }
  EXPECT_EQ(name(Verb::kStarttls), "STARTTLS");
  EXPECT_EQ(name(Verb::kUnknown), "UNKNOWN");
}

TEST(SplitCommand, CutsAtTheFirstSpace) {
  const std::tuple<const char*, Verb, const char*> cases[] = {
      {"QUIT", Verb::kQuit, ""},
      {"MAIL FROM:<a@b> SIZE=1", Verb::kMail, "FROM:<a@b> SIZE=1"},
      {"EHLO  two", Verb::kEhlo, " two"},
      // RFC 5321 section 4.1.1: white space at the end is tolerated.
      {"RSET \t ", Verb::kRset, ""},
      {"EHLO name ", Verb::kEhlo, "name"},
      {"", Verb::kUnknown, ""},
      {" ", Verb::kUnknown, ""},
      {" NOOP", Verb::kUnknown, "NOOP"},
      {"NOOP\tx", Verb::kUnknown, ""},
      {"DATAX", Verb::kUnknown, ""},
      {"GET / HTTP/1.1", Verb::kUnknown, "/ HTTP/1.1"},
      {"\x16\x03\x01", Verb::kUnknown, ""},
  };
  for (const auto& [line, verb, arguments] : cases) {
    const CommandLine command = split_command(line);
    EXPECT_EQ(command.verb, verb) << line;
    EXPECT_EQ(command.arguments, arguments) << line;
  }
}

TEST(ParseEhlo, LetsSloppyNamesPass) {
  for (const char* client : {"mail.example.com", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]",
                             "my_laptop", "PC-7.", "192.0.2.1", "::1", "o'brien's", "-", "*"}) {
    EXPECT_EQ(parse_ehlo(client), client);
  }
  EXPECT_TRUE(parse_ehlo(std::string(255, 'a')));
}

// RFC 2034 section 4: no enhanced codes here. What is refused could change the meaning of a
// Received field.
TEST(ParseEhlo, RefusesWhatCouldBreakATraceField) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "501 EHLO and HELO want the name of the client"},
      {"two words", "501 Bad name: it has a space, which is not allowed"},
      {"a(comment)", "501 Bad name: it has '(', which is not allowed"},
      {"a;b", "501 Bad name: it has ';', which is not allowed"},
      {"<a>", "501 Bad name: it has '<', which is not allowed"},
      {"a\"", "501 Bad name: it has '\"', which is not allowed"},
      {"a\\", "501 Bad name: it has '\\', which is not allowed"},
      {"a\tb", "501 Bad name: it has the octet 9, which is not allowed"},
      {"a\x1b[1m", "501 Bad name: it has the octet 27, which is not allowed"},
      {"\xc3\xa4", "501 Bad name: it has the octet 195, which is not allowed"},
      {"a[b]", "501 Bad name: it has '[', which is not allowed"},
      {"[a b]", "501 Bad name: the address literal is neither an IPv4 nor a tagged address"},
      {"[192.0.2.1] x", "501 Bad name: the address literal is not in brackets"},
      {std::string(256, 'a'), "501 The name is longer than 255 octets"},
  };
  for (const auto& [arguments, expected] : cases) {
    EXPECT_EQ(refusal(parse_ehlo(arguments)), expected);
  }
}

// RFC 4954 section 4.
TEST(ParseAuth, TakesAMechanismAndAnInitialResponse) {
  const auto plain = parse_auth("plain AGEAYg==");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->mechanism, "PLAIN");
  EXPECT_EQ(plain->initial_response, "AGEAYg==");
  EXPECT_EQ(parse_auth("SCRAM-SHA-256-PLUS")->initial_response, std::nullopt);
  EXPECT_EQ(parse_auth("EXTERNAL =")->initial_response, "=");  // the empty response
}

TEST(ParseAuth, RefusesTheRest) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "501 5.5.4 AUTH wants the name of a mechanism"},
      {" PLAIN", "501 5.5.4 AUTH wants the name of a mechanism"},
      {"PL@IN",
       "501 5.5.4 AUTH wants a mechanism's name of at most 20 letters, digits, '-' and '_'"},
      {std::string(21, 'A'),
       "501 5.5.4 AUTH wants a mechanism's name of at most 20 letters, digits, '-' and '_'"},
      {"PLAIN AGE AYg", "501 5.5.4 The initial response of AUTH is not base64"},
      {"PLAIN  AGE", "501 5.5.4 The initial response of AUTH is not base64"},
      {"PLAIN ", "501 5.5.4 The initial response of AUTH is not base64"},
      {"PLAIN a_b", "501 5.5.4 The initial response of AUTH is not base64"},
  };
  for (const auto& [arguments, expected] : cases) {
    EXPECT_EQ(refusal(parse_auth(arguments)), expected) << arguments;
  }
}

TEST(ParseMail, TakesAPathAndItsParameters) {
  const auto plain = parse_mail("FROM:<jane@example.com>");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->reverse_path.str(), "jane@example.com");
  EXPECT_EQ(plain->parameters.size, std::nullopt);
  EXPECT_EQ(plain->parameters.body, BodyType::k7bit);

  const auto full = parse_mail("from:<> body=8BitMime  SIZE=0012345");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->reverse_path, ReversePath());
  EXPECT_EQ(full->parameters.size, 12345u);
  EXPECT_EQ(full->parameters.body, BodyType::k8bitmime);

  EXPECT_EQ(parse_mail("FROM:<> BODY=7BIT")->parameters.body, BodyType::k7bit);
  EXPECT_EQ(parse_mail("FROM:<> SIZE=18446744073709551615")->parameters.size, ~std::uint64_t{0});
}

// RFC 5321 section 3.3 forbids it, and half of the world's scripts do it.
TEST(ParseMail, ToleratesSpacesAfterTheColonAndNowhereElse) {
  EXPECT_EQ(parse_mail("FROM: <a@b>")->reverse_path.str(), "a@b");
  EXPECT_EQ(parse_mail("FROM:   <a@b> SIZE=1")->parameters.size, 1u);
  EXPECT_EQ(parse_rcpt("TO: <a@b>")->forward_path.str(), "a@b");
  for (const char* arguments : {"FROM :<a@b>", " FROM:<a@b>", "FROM:\t<a@b>", "FROM: a@b",
                                "FROM:<a@b>\tSIZE=1", "FROM:< a@b>", "FROM:<a@b>SIZE=1"}) {
    EXPECT_FALSE(parse_mail(arguments)) << arguments;
  }
}

TEST(ParseMail, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "501 5.5.4 MAIL wants FROM:<address>"},
      {"FROM", "501 5.5.4 MAIL wants FROM:<address>"},
      {"TO:<a@b>", "501 5.5.4 MAIL wants FROM:<address>"},
      {"FROM:", "501 5.1.7 Bad reverse-path: the address is missing"},
      {"FROM: ", "501 5.1.7 Bad reverse-path: the address is missing"},
      {"FROM:a@b", "501 5.1.7 Bad reverse-path: the address is not in angle brackets"},
      {"FROM:<a b@c>",
       "501 5.1.7 Bad reverse-path: the local part has a space, which is not allowed outside "
       "quotes"},
      {"FROM:<a@b_c>", "501 5.1.7 Bad reverse-path: the domain has '_', which is not allowed"},
      {"FROM:<\xc3\xa4@b>",
       "553 5.6.7 Bad reverse-path: the local part goes beyond ASCII, which needs SMTPUTF8"},
      {"FROM:<a@\xc3\xa4>",
       "553 5.6.7 Bad reverse-path: the domain goes beyond ASCII, which needs SMTPUTF8"},

      {"FROM:<a@b>x", "501 5.5.4 There is 'x' where a space and a parameter should be"},
      {"FROM:<a@b>> x=1", "501 5.5.4 There is '>' where a space and a parameter should be"},
      {"FROM:<a@b> =5", "501 5.5.4 A parameter's name is not made of letters, digits and hyphens"},
      {"FROM:<a@b> -A=5",
       "501 5.5.4 A parameter's name is not made of letters, digits and hyphens"},
      {"FROM:<a@b> A_B", "501 5.5.4 A parameter's name is not made of letters, digits and hyphens"},
      {"FROM:<a@b> SIZE=",
       "501 5.5.4 The value of SIZE is empty or has an octet that is not allowed"},
      {"FROM:<a@b> SIZE=1=2",
       "501 5.5.4 The value of SIZE is empty or has an octet that is not allowed"},
      {"FROM:<a@b> SIZE=\x7f",
       "501 5.5.4 The value of SIZE is empty or has an octet that is not allowed"},
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
      {"FROM:<a@b> BODY", "501 5.5.4 BODY is 7BIT or 8BITMIME"},
      {"FROM:<a@b> BODY=BINARYMIME", "501 5.5.4 BODY is 7BIT or 8BITMIME"},
  };
  for (const auto& [arguments, expected] : cases) {
    EXPECT_EQ(refusal(parse_mail(arguments)), expected) << arguments;
  }
}

TEST(ParseRcpt, TakesAForwardPath) {
  EXPECT_EQ(parse_rcpt("TO:<jane@example.com>")->forward_path.str(), "jane@example.com");
  EXPECT_EQ(parse_rcpt("to:<@relay.example:jane@example.com>")->forward_path.str(),
            "jane@example.com");
  EXPECT_EQ(parse_rcpt("TO:<postmaster>")->forward_path.str(), "postmaster");
}

TEST(ParseRcpt, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "501 5.5.4 RCPT wants TO:<address>"},
      {"FROM:<a@b>", "501 5.5.4 RCPT wants TO:<address>"},
      {"TO:<>", "501 5.1.3 Bad forward-path: the address is empty"},
      {"TO:<a>", "501 5.1.3 Bad forward-path: the address has no '@' and domain"},
      {"TO:<a@b> NOTIFY=NEVER", "555 5.5.4 RCPT parameter NOTIFY is not known here"},
      {"TO:<a@b><c@d>", "501 5.5.4 There is '<' where a space and a parameter should be"},
      {"TO:<a@b> <c@d>", "501 5.5.4 A parameter's name is not made of letters, digits and hyphens"},
      {"TO:<\xc3\xa4@b>",
       "553 5.6.7 Bad forward-path: the local part goes beyond ASCII, which needs SMTPUTF8"},
  };
  for (const auto& [arguments, expected] : cases) {
    EXPECT_EQ(refusal(parse_rcpt(arguments)), expected) << arguments;
  }
}

TEST(ParseNoArguments, MeansNone) {
  EXPECT_TRUE(parse_no_arguments(""));
  EXPECT_EQ(refusal(parse_no_arguments("x")), "501 5.5.4 This command takes no arguments");
}

}  // namespace
}  // namespace sallyport::smtp
