#include "proxy/message/author_field.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/lenient_reader.h"

namespace sallyport::message {
namespace {

using namespace std::string_literals;

std::string show(std::string_view value) {
  const auto addresses = claimed_addresses(value);
  if (!addresses) return "error: " + addresses.error().text;
  std::string all;
  for (const auto& address : *addresses) {
    if (!all.empty()) all += ", ";
    all += address.str();
  }
  return all;
}

/// All that anybody could read in the field is of example.com, so a user of that domain may send
/// it.
bool is_own(std::string_view value) {
  const auto addresses = claimed_addresses(value);
  return addresses && !addresses->empty() && std::ranges::all_of(*addresses, [](const auto& each) {
           return each.domain == "example.com";
         });
}

// What mail programs, ticket systems, ERPs and printers write before the user's own address.
const std::string_view kOwn[] = {
    "app@example.com",
    "<app@example.com>",
    " app@example.com ",
    "App <app@example.com>",
    "App<app@example.com>",
    "\"App\" <app@example.com>",
    "\"App\"<app@example.com>",
    "\"\" <app@example.com>",
    " <app@example.com>",
    "app@example.com <app@example.com>",
    "\"app@example.com\" <app@example.com>",
    "'app@example.com' <app@example.com>",
    "\"'app@example.com'\" <app@example.com>",
    "<app@example.com> <app@example.com>",
    "[Jira] Foo <app@example.com>",
    "Foo [Jira] <app@example.com>",
    "Doe, Jane <app@example.com>",
    "\"Doe, Jane\" <app@example.com>",
    "Doe, Jane (IT) <app@example.com>",
    "Acme, Inc. <app@example.com>",
    "Acme: Billing <app@example.com>",
    "Re: Your order <app@example.com>",
    "CORP\\user <app@example.com>",
    "\"CORP\\user\" <app@example.com>",
    "CORP\\\\user <app@example.com>",
    "John Q. Public <app@example.com>",
    "Dr. J. Doe <app@example.com>",
    "J.Doe <app@example.com>",
    "O'Neil <app@example.com>",
    "Foo & Bar <app@example.com>",
    "Foo; Bar <app@example.com>",
    "Foo; Bar, Baz: <app@example.com>;",
    "app@example.com;",
    "app@example.com,",
    "<app@example.com>,",
    "<app@example.com>;",
    ",app@example.com",
    "App <app@example.com> (the program)",
    "app@example.com (App)",
    "app@example.com (App (the program))",
    "(App) app@example.com",
    "App <app@example.com",
    "App app@example.com>",
    "App <<app@example.com>>",
    "\"App <app@example.com>",
    "App\" <app@example.com>",
    "(App <app@example.com>",
    "App) <app@example.com>",
    "J\xc3\xbcrgen <app@example.com>",
    "J\xfcrgen <app@example.com>",
    "\xe5\xb1\xb1\xe7\x94\xb0 <app@example.com>",
    "=?UTF-8?Q?J=C3=BCrgen?= <app@example.com>",
    "=?UTF-8?Q?M=C3=BCller=2C_J=C3=BCrgen?= <app@example.com>",
    "=?UTF-8?Q?M=C3=BCller,_J=C3=BCrgen?= <app@example.com>",
    "=?UTF-8?B?TcO8bGxlciwgSsO8cmdlbg==?= <app@example.com>",
    "\"=?UTF-8?Q?J=C3=BCrgen?=\" <app@example.com>",
    "=?utf-8?Q?app=40example.com?= <app@example.com>",
    "=?utf-8?Q?app@example.com?= <app@example.com>",
    "=?utf-8?Q?app@example.com_via_Jira?= <app@example.com>",
    "=?iso-8859-1?Q?J=FCrgen?= =?iso-8859-1?Q?_M=2E?= <app@example.com>",
    "=?iso-2022-jp?B?GyRCOzNFRBsoQg==?= <app@example.com>",
    "=?shift_jis?B?g0CDQoNE?= <app@example.com>",  // its second octet is a "@"
    "=?ansi_x3.4-1968?q?Cron_Daemon?= <app@example.com>",
    "=?UTF-8*de?Q?J=C3=BCrgen?= <app@example.com>",
    "=?UTF-8?Q?Foo Bar?= <app@example.com>",
    "Sales @ Acme <app@example.com>",
    "Sales @Acme <app@example.com>",
    "\"Sales @ Acme\" <app@example.com>",
    "Sales\xc2\xa0@ Acme <app@example.com>",
    "=?UTF-8?Q?Sales_=40_Acme?= <app@example.com>",
    "@acme <app@example.com>",
    "Acme (@acme) <app@example.com>",
    "Dinner @ 8.30 <app@example.com>",
    "I <3 mail <app@example.com>",
    "A -> B <app@example.com>",
    "50% off! <app@example.com>",
    "100%.Pure <app@example.com>",
    "#1 *App* {new} ~ | ^ = + ? $ <app@example.com>",
    "Folded\r\n\tName\r\n <app@example.com>",
    "app@example.com.",
    "App <app@EXAMPLE.com>, b@example.com",
    "App: app@example.com, b@example.com;",
    "\"john doe\"@example.com",
    "first..last@example.com",
    "app+tag@example.com",
    "mailto:app@example.com",
    "[app@example.com]",
    "App - app@example.com - <app@example.com>",
};

TEST(AuthorField, OwnAddressesPassHoweverTheFieldLooks) {
  EXPECT_GE(std::size(kOwn), 57u);
  for (const std::string_view value : kOwn) {
    const auto addresses = claimed_addresses(value);
    ASSERT_TRUE(addresses) << value << ": " << addresses.error().text;
    ASSERT_FALSE(addresses->empty()) << value;
    for (const auto& each : *addresses) {
      std::string domain = each.domain;
      std::ranges::transform(domain, domain.begin(), [](char c) { return c | 0x20; });
      EXPECT_EQ(domain, "example.com") << value;
    }
  }
}

// Somebody reads another address than the user's own in each of these, or none.
const std::string_view kForeign[] = {
    "ceo@bank.example",
    "CEO <ceo@bank.example>",
    "app@example.com <ceo@bank.example>",
    "\"app@example.com\" <ceo@bank.example>",
    "ceo@bank.example <app@example.com>",
    "\"ceo@bank.example\" <app@example.com>",
    "'ceo@bank.example' <app@example.com>",
    "Doe, ceo@bank.example <app@example.com>",
    "<app@example.com> <ceo@bank.example>",
    "<app@example.com>, <ceo@bank.example>",
    "app@example.com; ceo@bank.example",
    "app@example.com ceo@bank.example",
    "app@example.com (ceo@bank.example)",
    "(ceo@bank.example) <app@example.com>",
    "ceo@bank.example (app@example.com)",
    "(app@example.com) ceo@bank.example",
    "ceo(x)@bank.example <app@example.com>",
    "ceo@(x)bank.example <app@example.com>",
    "ceo@bank(x).example <app@example.com>",
    "ceo @ bank.example <app@example.com>",
    "ceo@ bank.example <app@example.com>",
    "ceo @bank.example <app@example.com>",
    "ceo @ bank . example <app@example.com>",
    // A word right behind another "@" is a local part, too, once white space was skipped in the
    // domain.
    // White space between encoded words is dropped, but not by every reader.
    "=?utf-8?q?ceo=40bank.example?= =?utf-8?q?s?= <app@example.com>",
    "ceo@ bank.example..c <app@example.com>",
    "@ceo @bank .example <app@example.com>",
    "<ceo> @bank .example <app@example.com>",
    "ceo@\r\n bank.example <app@example.com>",
    "Sales @ ba\r\n nk.example <app@example.com>",
    "\"ceo\"@bank.example <app@example.com>",
    "\"ceo\\@bank.example\" <app@example.com>",
    "ceo@\"bank.example\" <app@example.com>",
    "ceo@bank.example.example.com.bank.example <app@example.com>",
    "ceo@bank.example .example.com",
    "ceo@bank.example(c).example.com",
    "app@example.com.bank.example",
    "app@example.com .bank.example",
    "app@example.com'bank.example",
    "app@example.com/bank.example",
    "app@notexample.com",
    "app@sub.example.com",
    "=?utf-8?Q?ceo=40bank.example?= <app@example.com>",
    "=?utf-8?Q?ceo@bank.example?= <app@example.com>",
    "=?utf-8?B?Y2VvQGJhbmsuZXhhbXBsZQ==?= <app@example.com>",
    "=?utf-8?B?Y2VvQGJhbmsuZXhhbXBsZQ?= <app@example.com>",
    "=?utf-8?Q?ceo=40?= =?utf-8?Q?bank.example?= <app@example.com>",
    "=?utf-8?Q?ceo?= =?utf-8?Q?=40bank.example?= <app@example.com>",
    "=?utf-8?Q?ceo=40?= bank.example <app@example.com>",
    "\"=?utf-8?Q?ceo=40bank.example?=\" <app@example.com>",
    "=?utf-8?Q?=3D=3Futf-8=3FQ=3Fceo=3D40bank.example=3F=3D?= <app@example.com>",
    "=?utf-8?Q?ceo=0D=0A=40bank.example?= <app@example.com>",
    "=?utf-7?Q?ceo+AEA-bank.example?= <app@example.com>",
    "=?utf-16?B?AGMAZQBvAEAAYgBhAG4AawAuAGUAeABhAG0AcABsAGU=?= <app@example.com>",
    "=?cp037?B?g4WWfIKBlZJLhaeBlJeThQ==?= <app@example.com>",
    "=?utf-8?Q?app@example.com_bank.example?= <app@example.com>",
    "<=?utf-8?Q?app=40example.com?=>",
    "=?utf-8?Q?app?=@example.com",
    "=?utf-8?Q?ceo?=.x@example.com",
    "app@=?utf-8?Q?example.com?=",
    "\"ceo@bank.example\"@example.com",
    "\"<ceo\"@example.com",
    "\"a,b\"@example.com",
    "ceo%bank.example@example.com",
    "bank.example!ceo@example.com",
    "bank.example!ceo <app@example.com>",
    "ceo%bank.example <app@example.com>",
    "<@bank.example:app@example.com>",
    "<@bank.example,@b:app@example.com>",
    "ceo@bank.example@example.com",
    "app@@example.com",
    "app@example.com <ceo>",
    "<ceo> app@example.com",
    "App <app@example.com> <>",
    "App <>",
    "<>",
    "",
    " ",
    "App",
    "(ceo@bank.example)",
    "(app@example.com)",
    "\"app@example.com\"",
    "=?utf-8?Q?app=40example.com?=",
    "Undisclosed recipients:;",
    "Undisclosed:(app@example.com);",
    "Team: app@example.com, ceo@bank.example;",
    "ceo\xef\xbc\xa0"
    "bank.example <app@example.com>",  // U+FF20
    "ceo@bank\xe3\x80\x82"
    "example <app@example.com>",  // U+3002
    "app\xef\xbc\xa0"
    "example.com",
    "\x01"
    "app@example.com",
    "app@example.com\x7f",
    "app@example.com\r\n\x1b[1m",
    "ceo@[192.0.2.1] <app@example.com>",
    "ceo @ [192.0.2.1] <app@example.com>",
    "ceo@localhost <app@example.com>",
};

TEST(AuthorField, ForeignAddressesAreFoundHoweverTheyAreHidden) {
  EXPECT_GE(std::size(kForeign), 40u);
  for (const std::string_view value : kForeign) EXPECT_FALSE(is_own(value)) << value;
}

TEST(AuthorField, GivesAllAddressesInTheirNormalForm) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
       "mary@x.test, jdoe@example.org, one@y.test"},
      {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
       "c@a.test, joe@where.test, jdoe@one.test"},
      {"\"john.doe\"@x.example", "john.doe@x.example"},
      {"\"john doe\"@x.example", "\"john doe\"@x.example, doe@x.example"},
      {"<a@[192.0.2.1]>", "a@[192.0.2.1]"},
      {"<a@x.example.>", "a@x.example"},
      {"ceo . me@x.example", "me@x.example, \".me\"@x.example, ceo.me@x.example"},
      {"ceo.\"me\"@x.example", "me@x.example, ceo.me@x.example"},
      {"'me@x.example'", "me@x.example"},
      // A quoted domain ends with its quote, or goes on: as the reader likes.
      {"ceo@\"y.example\"-z.x.example", "ceo@y.example-z.x.example, ceo@y.example"},
      {"o'neil+tag@x.example", "o'neil+tag@x.example"},
  };
  for (const auto& [value, addresses] : cases) EXPECT_EQ(show(value), addresses) << value;
}

TEST(AuthorField, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"(ceo@example.com)", "error: holds no address"},
      {"<ceo>, app@example.com", "error: has angle brackets without an address"},
      {"<@a.example:b@c.example>", "error: has an address with a route"},
      {"=?utf-8?q?a?=@c.example <b@c.example>", "error: has an encoded word in an address"},
      {"\"a@b\"@c.example <x@c.example>",
       "error: has a quoted local part that holds \"@\", \"<\", \">\" or \",\""},
      {"=?utf-7?q?a?= <b@c.example>",
       "error: has an encoded word in a charset that is not known here"},
      // Not every reader takes what has no charset, or none with such a name, for an encoded word.
      {"=??q?ceo=40?=bank.example <b@c.example>",
       "error: has an encoded word in a charset that is not known here"},
      {"=?utf-8 ceo@bank.example?q?a?= <b@c.example>",
       "error: has an encoded word in a charset that is not known here"},
      {"a@b.example@c.example", "error: has an address with two \"@\""},
      {std::string(8193, 'x') + " <a@b.example>", "error: is too long"},
  };
  for (const auto& [value, what] : cases) EXPECT_EQ(show(value), what) << value;
}

TEST(AuthorField, SurvivesDepthAndLength) {
  EXPECT_EQ(show(std::string(4000, '(') + std::string(4000, ')') + "a@b.example"), "a@b.example");
  EXPECT_EQ(show(std::string(8000, '(') + "a@b.example"), "a@b.example");
  EXPECT_EQ(show(std::string(8000, ',') + "a@b.example"), "a@b.example");
  EXPECT_EQ(show(std::string(8000, '<') + "a@b.example>"), "error: has too many angle brackets");
  std::string many;
  for (int i = 0; i < 400; ++i) many += "a" + std::to_string(i) + "@b.example,";
  EXPECT_EQ(show(many), "error: has too many addresses");
  for (const std::string& part :
       {"a@ . "s, "\\\"@"s, "\"@ "s, "=?utf-8?q?"s, "a . "s, "@"s, "!%"s}) {
    std::string value;
    while (value.size() + part.size() < 8000) value += part;
    (void)claimed_addresses(value);
    (void)claimed_addresses(value + "a@b.example");
  }
}

TEST(AuthorField, IsQuotedAsOneShortLine) {
  EXPECT_EQ(quotable(" J\xc3\xbcrgen\r\n\t<a@b>  "), "J??rgen <a@b>");
  EXPECT_EQ(quotable("a\x01"
                     "b"),
            "a?b");
  EXPECT_EQ(quotable(""), "");
  EXPECT_EQ(quotable(std::string(100, 'x')), std::string(100, 'x'));
  EXPECT_EQ(quotable(std::string(101, 'x')), std::string(97, 'x') + "...");
}

// Readers that share no code with the check, from fields made of what attacks are made of: none of
// them ever takes a foreign address out of a field that would pass.
TEST(AuthorField, NoReaderTakesAForeignAddressFromWhatPasses) {
  std::mt19937 random(2047);
  const std::string_view parts[] = {"app@example.com",
                                    "ceo@bank.example",
                                    "app",
                                    "ceo",
                                    "@",
                                    "example.com",
                                    "bank.example",
                                    "<",
                                    ">",
                                    "\"",
                                    "(",
                                    ")",
                                    ",",
                                    ";",
                                    ":",
                                    " ",
                                    ".",
                                    "\\",
                                    "\r\n ",
                                    "[",
                                    "]",
                                    "%",
                                    "!",
                                    "'",
                                    "=?utf-8?q?",
                                    "?=",
                                    "=40",
                                    "_",
                                    "App",
                                    "\xc3\xbc",
                                    "<app@example.com>",
                                    "=?utf-8?q?ceo=40bank.example?=",
                                    "=?utf-8?q?ceo?=",
                                    "=?utf-8?b?QA==?=",
                                    "(x)",
                                    " (x) ",
                                    "\"x\"",
                                    "acme",
                                    "x@[192.0.2.1]"};
  std::size_t passed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string value;
    for (std::size_t count = 1 + random() % 9; count > 0; --count) {
      value += parts[random() % std::size(parts)];
    }
    if (random() % 2 == 0) value += " <app@example.com>";
    if (!is_own(value)) continue;
    ++passed;
    for (const std::string& address : support::addresses_read(value)) {
      EXPECT_TRUE(address.ends_with("@example.com"))
          << testing::PrintToString(value) << " is read as " << address;
    }
  }
  EXPECT_GT(passed, 500u);
}

TEST(AuthorField, WhiteSpaceBeyondAsciiMakesNoAddress) {
  EXPECT_FALSE(claimed_addresses("To: x Bo: x Bp@\xe2\x80\xafz"));
}

}  // namespace
}  // namespace sallyport::message
