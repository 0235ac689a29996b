#include "proxy/smtp/command.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>

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
      // Its octets follow all the same, so it is no unknown command.
      {"BDAT\t5 LAST", Verb::kBdat, "\t5 LAST"},
      {"bdat\r5", Verb::kBdat, "\r5"},
      {"BDAT\n", Verb::kBdat, "\n"},
      {"BDAT-5", Verb::kBdat, "-5"},
      {"BDATA", Verb::kUnknown, ""},
      {"BDAT5", Verb::kUnknown, ""},
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

// What could change the meaning of a Received field, or is beyond ASCII, does not go on.
TEST(ParseEhlo, MakesNamesFitForATraceField) {
  const std::pair<std::string, const char*> cases[] = {
      {"Front Desk Printer", "Front?Desk?Printer"},
      {" two  words ", "two??words"},
      {"B\xc3\x9cRO-PC", "B?RO-PC"},
      {"B\xdcRO-PC", "B?RO-PC"},  // Latin-1
      {"\xf0\x9f\x96\xa8", "?"},
      {"[::1]", "[IPv6:::1]"},
      {"[2001:db8:0:0:0:0:0:25]", "[IPv6:2001:db8:0:0:0:0:0:25]"},
      {"a(comment)", "a?comment?"},
      {"x by y; z", "x?by?y??z"},
      {"<a>", "?a?"},
      {"a\"\\", "a??"},
      {"a[b]", "a?b?"},
      {"[a b]", "?a?b?"},
      {"[192.0.2.300]", "?192.0.2.300?"},
      {"[192.0.2.1] x", "?192.0.2.1??x"},
      {"@", "?"},
  };
  for (const auto& [said, fit] : cases) EXPECT_EQ(parse_ehlo(said), fit) << said;
}

// RFC 2034 section 4: no enhanced codes here.
TEST(ParseEhlo, RefusesWhatIsNoName) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "501 EHLO and HELO want the name of the client"},
      {" ", "501 EHLO and HELO want the name of the client"},
      {"a\tb", "501 Bad name: it has the octet 9, which is not allowed"},
      {"a\x1b[1m", "501 Bad name: it has the octet 27, which is not allowed"},
      {"a\x7f", "501 Bad name: it has the octet 127, which is not allowed"},
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
      {"PLAIN AGE AYg", "501 5.5.4 AUTH wants a mechanism and at most one initial response"},
      {"PLAIN  AGE", "501 5.5.4 AUTH wants a mechanism and at most one initial response"},
      {"PLAIN ", "501 5.5.2 The initial response of AUTH is not base64"},
      {"PLAIN a_b", "501 5.5.2 The initial response of AUTH is not base64"},
  };
  for (const auto& [arguments, expected] : cases) {
    EXPECT_EQ(refusal(parse_auth(arguments)), expected) << arguments;
  }
}

// RFC 3030 section 2: chunk-size [SP "LAST"]
TEST(ParseBdat, TakesASizeAndPerhapsLast) {
  EXPECT_EQ(parse_bdat("0"), (BdatCommand{.size = 0, .last = false}));
  EXPECT_EQ(parse_bdat("86 LAST"), (BdatCommand{.size = 86, .last = true}));
  EXPECT_EQ(parse_bdat("007 last"), (BdatCommand{.size = 7, .last = true}));
  EXPECT_EQ(parse_bdat("18446744073709551615"), (BdatCommand{.size = ~std::uint64_t{0}}));
}

TEST(ParseBdat, RefusesAllElse) {
  const char* number = "501 5.5.4 BDAT wants the number of octets that follow";
  for (const char* arguments : {"", " 5", "x", "-1", "+1", "5x", "0x10", "1.0", "LAST", "LAST 5",
                                "18446744073709551616", "99999999999999999999999"}) {
    EXPECT_EQ(refusal(parse_bdat(arguments)), number) << arguments;
  }
  const char* last = "501 5.5.4 Only LAST can stand behind the number of octets of BDAT";
  for (const char* arguments : {"5 ", "5  LAST", "5 FIRST", "5 LAST LAST", "5 6", "5 LAST\t"}) {
    EXPECT_EQ(refusal(parse_bdat(arguments)), last) << arguments;
  }
}

TEST(ParseNoArguments, MeansNone) {
  EXPECT_TRUE(parse_no_arguments(""));
  EXPECT_EQ(refusal(parse_no_arguments("x")), "501 5.5.4 This command takes no arguments");
}

}  // namespace
}  // namespace sallyport::smtp
