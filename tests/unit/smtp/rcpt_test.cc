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

Parse<RcptCommand> rcpt(std::string_view arguments) {
  return parse_rcpt(arguments, ExtensionSet::all(), /*smtputf8=*/false);
}

TEST(ParseRcpt, TakesAForwardPath) {
  EXPECT_EQ(rcpt("TO:<jane@example.com>")->forward_path.str(), "jane@example.com");
  EXPECT_EQ(rcpt("to:<@relay.example:jane@example.com>")->forward_path.str(), "jane@example.com");
  EXPECT_EQ(rcpt("TO:<postmaster>")->forward_path.str(), "postmaster");
}

TEST(ParseRcpt, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "501 5.5.4 RCPT wants TO:<address>"},
      {"FROM:<a@b>", "501 5.5.4 RCPT wants TO:<address>"},
      {"TO:<>", "501 5.1.3 Bad forward-path: the address is empty"},
      {"TO:<a>", "501 5.1.3 Bad forward-path: the address has no '@' and domain"},
      {"TO:<a@b> SIZE=1", "555 5.5.4 RCPT parameter SIZE is not known here"},
      {"TO:<a@b><c@d>", "501 5.5.4 There is '<' where a space and a parameter should be"},
      {"TO:<a@b> <c@d>", "501 5.5.4 A parameter's name is not made of letters, digits and hyphens"},
      {"TO:<\xc3\xa4@b>",
       "553 5.6.7 Bad forward-path: the local part goes beyond ASCII, which needs SMTPUTF8"},
  };
  for (const auto& [arguments, expected] : cases) {
    EXPECT_EQ(refusal(rcpt(arguments)), expected) << arguments;
  }
}

TEST(ParseRcpt, ToleratesSpacesAfterTheColon) {
  EXPECT_EQ(rcpt("TO: <a@b>")->forward_path.str(), "a@b");
  EXPECT_EQ(rcpt("TO: a@b NOTIFY=NEVER")->forward_path.str(), "a@b");
}

// RFC 3461 section 4.1.
TEST(ParseRcpt, TakesNotify) {
  const std::pair<const char*, Notify> cases[] = {
      {"NEVER", {.never = true}},
      {"never", {.never = true}},
      {"SUCCESS", {.success = true}},
      {"Failure,DELAY", {.failure = true, .delay = true}},
      {"DELAY,SUCCESS,FAILURE", {.success = true, .failure = true, .delay = true}},
  };
  for (const auto& [value, expected] : cases) {
    const auto parsed = rcpt("TO:<a@b> NOTIFY=" + std::string(value));
    ASSERT_TRUE(parsed) << refusal(parsed);
    EXPECT_EQ(parsed->parameters.notify, expected) << value;
  }
  EXPECT_EQ(rcpt("TO:<a@b>")->parameters, RcptParameters());
}

TEST(ParseRcpt, RefusesAnyOtherNotify) {
  const std::string form = "501 5.5.4 NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY";
  for (const char* value : {"=ALWAYS", "=NEVER,SUCCESS", "=SUCCESS,NEVER", "=SUCCESS,", "=,SUCCESS",
                            "=SUCCESS,,DELAY", "=,", "=SUCCESS;DELAY", ""}) {
    EXPECT_EQ(refusal(rcpt("TO:<a@b> NOTIFY" + std::string(value))), form) << value;
  }
  EXPECT_EQ(refusal(rcpt("TO:<a@b> NOTIFY=DELAY,delay")), "501 5.5.4 NOTIFY has DELAY twice");
  EXPECT_EQ(refusal(rcpt("TO:<a@b> NOTIFY=DELAY NOTIFY=DELAY")),
            "501 5.5.4 RCPT parameter NOTIFY is given twice");
}

// RFC 3461 section 4.2: what was asked for goes on as it came, whether it is an address or not.
TEST(ParseRcpt, TakesOrcpt) {
  for (const char* value : {"rfc822;jane@example.com", "RFC822;a+2Bb@example.com", "x400;/c=US/",
                            "unknown;+3D", "utf-8;jane@example.com", "UTF-8;j\\x{E4}ne@example.com",
                            "utf-8;\\x{1F4EE}@x", "utf-8;a\\x{2B}\\x{20}\\x{5C}@x"}) {
    const auto parsed = rcpt("TO:<a@b> ORCPT=" + std::string(value));
    const std::string shown = refusal(parsed);
    if (std::string_view(value) == "x400;/c=US/") {
      EXPECT_TRUE(shown.starts_with("501 5.5.4 The value of ORCPT")) << shown;  // "=" is no xchar
      continue;
    }
    ASSERT_TRUE(parsed) << value << ": " << shown;
    EXPECT_EQ(parsed->parameters.orcpt, value);
  }
  const std::string most = "rfc822;" + std::string(493, 'x');
  EXPECT_EQ(rcpt("TO:<a@b> ORCPT=" + most)->parameters.orcpt, most);
}

TEST(ParseRcpt, WritesTheDigitsOfOrcptInUpperCase) {
  EXPECT_EQ(rcpt("TO:<a@b> ORCPT=rfc822;a+2bb@x")->parameters.orcpt, "rfc822;a+2Bb@x");
  EXPECT_EQ(rcpt("TO:<a@b> ORCPT=utf-8;a\\x{e4}b@x")->parameters.orcpt, "utf-8;a\\x{E4}b@x");
}

TEST(ParseRcpt, RefusesAnyOtherOrcpt) {
  const std::string form =
      "501 5.5.4 ORCPT wants a type, ';' and an address: rfc822;jane@example.com";
  const std::string backslash = "501 5.5.4 ORCPT has a '\\' that begins no \\x{HEXADECIMAL}";
  const std::pair<std::string, std::string> cases[] = {
      {"jane@example.com", form},
      {"rfc822;", form},
      {";jane@example.com", form},
      {"rfc.822;jane@example.com", form},
      {"rfc822;a+b",
       "501 5.5.4 ORCPT is not xtext: it has a '+' without two digits of hexadecimal "
       "behind it"},
      {"rfc822;a+0D+0Ab", "501 5.5.4 ORCPT stands for a control character"},
      {"rfc822;\xc3\xa4",
       "501 5.5.4 ORCPT is not xtext: it has the octet 195, which xtext writes as '+C3'"},
      {"rfc822;" + std::string(494, 'x'), "501 5.5.4 ORCPT is longer than 500 characters"},
      // RFC 6533 section 3.
      {"utf-8;\xc3\xa4", "501 5.5.4 ORCPT goes beyond ASCII, which needs SMTPUTF8"},
      {"utf-8;a+2Bb", "501 5.5.4 ORCPT has a '+' that is not written as \\x{2B}"},
      {"utf-8;a\\", backslash},
      {"utf-8;a\\x{}", backslash},
      {"utf-8;a\\x{E4", backslash},
      {"utf-8;a\\x{61}", backslash},      // stands for itself
      {"utf-8;a\\x{0E4}", backslash},     // padded
      {"utf-8;a\\x{D800}", backslash},    // a surrogate
      {"utf-8;a\\x{110000}", backslash},  // past Unicode
      {"utf-8;a\\x{00}", backslash},
  };
  for (const auto& [value, expected] : cases) {
    EXPECT_EQ(refusal(rcpt("TO:<a@b> ORCPT=" + value)), expected) << value;
  }
}

// RFC 6531 section 3.4: MAIL said SMTPUTF8 for the whole transaction.
TEST(ParseRcpt, GoesBeyondAsciiWhereMailSaidSmtputf8) {
  const ExtensionSet all = ExtensionSet::all();
  const auto parsed =
      parse_rcpt("TO:<j\xc3\xa4ne@x> ORCPT=utf-8;j\xc3\xa4ne@x NOTIFY=NEVER", all, true);
  ASSERT_TRUE(parsed) << refusal(parsed);
  EXPECT_EQ(parsed->forward_path.str(), "j\xc3\xa4ne@x");
  EXPECT_EQ(parsed->parameters.orcpt, "utf-8;j\xc3\xa4ne@x");
  EXPECT_EQ(refusal(parse_rcpt("TO:<\xc3@x>", all, true)),
            "501 5.1.3 Bad forward-path: the local part is not valid UTF-8");
  EXPECT_EQ(refusal(parse_rcpt("TO:<a@x> ORCPT=utf-8;\xc3", all, true)),
            "501 5.5.4 ORCPT is not valid UTF-8");
  EXPECT_EQ(refusal(parse_rcpt("TO:<a@x> SMTPUTF8", all, true)),
            "555 5.5.4 RCPT parameter SMTPUTF8 is not known here");
}

TEST(ParseRcpt, KnowsTheParametersOfWhatIsOfferedOnly) {
  for (const char* parameter : {"NOTIFY", "ORCPT"}) {
    EXPECT_EQ(refusal(parse_rcpt("TO:<a@b> " + std::string(parameter) + "=x", {}, false)),
              "555 5.5.4 RCPT parameter " + std::string(parameter) + " is not known here");
  }
}

}  // namespace
}  // namespace sallyport::smtp
