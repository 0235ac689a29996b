#include "proxy/config/address_pattern.h"

#include <gtest/gtest.h>

#include <utility>

namespace sallyport::config {
namespace {

TEST(AddressPattern, MatchesTheAddressesItNames) {
  const struct {
    std::string_view pattern, local, domain;
    bool matches;
  } cases[] = {
      {"*", "a", "example.com", true},
      {"*", "", "", true},
      {"<>", "", "", true},
      {"<>", "a", "example.com", false},
      {"*@example.com", "anyone", "example.com", true},
      {"*@example.com", "anyone", "EXAMPLE.Com", true},
      {"*@Example.com", "anyone", "example.com", true},
      {"*@example.com", "anyone", "sub.example.com", false},
      {"*@example.com", "anyone", "notexample.com", false},
      {"*@example.com", "", "", false},
      {"*@*.example.com", "a", "sub.example.com", true},
      {"*@*.example.com", "a", "deep.Sub.example.COM", true},
      {"*@*.example.com", "a", "example.com", false},
      {"*@*.example.com", "a", ".example.com", false},
      {"*@*.example.com", "a", "notexample.com", false},
      {"*@*.example.com", "", "", false},
      {"billing@example.com", "Billing", "example.com", true},
      {"Billing@example.com", "billing", "example.com", true},
      {"billing@example.com", "billing2", "example.com", false},
      {"billing@example.com", "billing", "example.org", false},
      {"billing@example.com", "", "", false},
      {"j\xc3\xbcrg@example.com", "j\xc3\xbcrg", "example.com", true},
      {"a@[192.0.2.1]", "a", "[192.0.2.1]", true},
      {"a+tag@example.com", "a+tag", "example.com", true},
      // In whatever form an address or a pattern is written.
      {"a@example.com.", "a", "example.com", true},
      {"*@Example.com.", "a", "example.COM.", true},
      {"*@*.example.com.", "a", "sub.example.com", true},
      {"\"a\"@example.com", "A", "example.com", true},
      {"a@example.com", "\"a\"", "example.com", true},
      {"a@example.com", "\"\\a\"", "example.com.", true},
      {"a..b@example.com", "\"a..b\"", "example.com", true},
      {"a@example.com", "\"a \"", "example.com", false},
  };
  for (const auto& c : cases) {
    const auto pattern = AddressPattern::parse(c.pattern);
    ASSERT_TRUE(pattern) << c.pattern;
    EXPECT_EQ(pattern->text(), c.pattern);
    EXPECT_EQ(pattern->matches(c.local, c.domain), c.matches)
        << c.pattern << " and " << c.local << '@' << c.domain;
  }
}

TEST(AddressPattern, HasOneNormalForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"*", "*"},
      {"<>", "<>"},
      {"*@Example.COM.", "*@example.com"},
      {"*@*.Example.com", "*@*.example.com"},
      {"\"Jane\"@example.com", "jane@example.com"},
      {".jane@example.com", "\".jane\"@example.com"},
  };
  for (const auto& [text, normal] : cases) {
    EXPECT_EQ(AddressPattern::parse(text)->normal(), normal);
  }
}

TEST(AddressPattern, RefusesWhatCouldMeanMoreThanItMatches) {
  for (const std::string_view text : {"",
                                      "example.com",
                                      "@example.com",
                                      "*@",
                                      "a@",
                                      "*@*",
                                      "*@*.",
                                      "a*@example.com",
                                      "*a@example.com",
                                      "*@ex*mple.com",
                                      "*@*.*.example.com",
                                      "a@*.example.com",
                                      "<a@example.com>",
                                      "a b@example.com",
                                      "a@b@example.com",
                                      "a@example.com,b@example.com",
                                      "a@.example.com",
                                      "a@example.com..",
                                      "*@.",
                                      "a@example..com",
                                      "a@exa mple.com",
                                      "a\n@example.com",
                                      "**@example.com",
                                      " *",
                                      "* "}) {
    const auto pattern = AddressPattern::parse(text);
    ASSERT_FALSE(pattern) << text;
    EXPECT_EQ(pattern.error().text,
              "expected \"*\", \"*@example.com\", \"*@*.example.com\", \"name@example.com\" or "
              "\"<>\"");
  }
  EXPECT_FALSE(AddressPattern::parse("*@" + std::string(253, 'a')));
}

}  // namespace
}  // namespace sallyport::config
