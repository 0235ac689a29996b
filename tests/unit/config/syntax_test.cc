// What is no TOML at all is one problem, at its place, and never shows more of the text than keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/config/tree.h"
#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kTooManyParts = "a dotted key has too many parts; expected at most 16";

TEST(Syntax, TellsWhereTheTextStopsBeingToml) {
  const struct {
    std::string_view text;
    std::string_view problem;
  } cases[] = {
      {"hostname = mail.example.com",
       "c.toml:1:12: not valid TOML: expected a value: \"text\", a number, true, false, [array] or "
       "{table}"},
      {"hostname \"x\"", "c.toml:1:10: not valid TOML: in the key-value pair: expected '='"},
      {"hostname = \"mail\nworkers = 2",
       "c.toml:1:17: not valid TOML: text holds a line break or control character; expected its "
       "closing quote before it"},
      {"\n\n[[listener]\naddress = 1",
       "c.toml:3:12: not valid TOML: in the table header: expected ']'"},
      {"= 1", "c.toml:1:1: not valid TOML: expected keys, tables, whitespace or comments"},
      {"a = [1, 2", "c.toml:1:10: not valid TOML: in the array: the file ends too early"},
      {"a = 1\na = 2",
       "c.toml:2:5: not valid TOML: in the key-value pair: cannot redefine existing integer 'a'; "
       "expected it once"},
      {"[tls]\n[log]\n[tls]",
       "c.toml:3:1: not valid TOML: in the table header: cannot redefine existing table 'tls'; "
       "expected it once"},
      {"[~a]",
       "c.toml:1:2: not valid TOML: in the key: expected bare key starting character or string "
       "delimiter"},
      {"\xc3\xbc = 1", "c.toml:1:1: not valid TOML: expected keys, tables, whitespace or comments"},
      {"a = 1 \xc3\xbc",
       "c.toml:1:7: not valid TOML: in the key-value pair: expected a comment or whitespace"},
      {"a = \"\xff\"", "c.toml:1:5: not valid UTF-8; expected a text file in that encoding"},
  };
  for (const auto& c : cases) {
    const FakeOutside outside;
    const auto config = parse(c.text, "c.toml", outside.outside());
    ASSERT_FALSE(config) << c.text;
    ASSERT_EQ(config.error().size(), 1u) << c.text;
    EXPECT_EQ(config.error().front().str(), c.problem);
  }
}

TEST(Syntax, NeverShowsAnUnquotedPassword) {
  for (const std::string_view password :
       {"hunter2hunter2", "topsecret", "1234567890123456789012345678901234567890",
        "0x1234567890abcdefg", "1e999999", "'hunter2\n'", "\"hunter2\\q\"", "2024-13-99secret",
        "[hunter2]", "{hunter2}", "inf1nite", "falsehood"}) {
    const auto document = parse_toml("password = " + std::string(password));
    ASSERT_FALSE(document) << password;
    for (std::size_t i = 0; i + 5 <= password.size(); ++i) {
      EXPECT_THAT(document.error().what, testing::Not(testing::HasSubstr(password.substr(i, 5))));
    }
  }
}

TEST(Syntax, LimitsDepthSoThatNoTextExhaustsTheStack) {
  const auto error_of = [](const std::string& text) {
    const auto document = parse_toml(text);
    return document ? "accepted" : document.error().what;
  };
  const std::string many(100'000, '[');
  EXPECT_EQ(error_of("a = " + many), "values nest too deep; expected at most 16 levels");

  std::string dotted = "a";
  for (int i = 0; i < 100'000; ++i) dotted += ".a";
  EXPECT_EQ(error_of(dotted + " = 1"), kTooManyParts);
  EXPECT_EQ(error_of('[' + dotted + ']'), kTooManyParts);
  EXPECT_EQ(error_of("a = { " + dotted + " = 1 }"), kTooManyParts);
  EXPECT_EQ(error_of("a = \"\"\"\"\"\"\"\"\n" + dotted + " = 1"), kTooManyParts);

  // Dots inside strings and comments are none of a key's.
  const std::string dots(100, '.');
  EXPECT_EQ(error_of("a = '" + dots + "' # " + dots + "\nb = \"\\\"" + dots + "\"\nc = '''" + dots +
                     "\n'''\nd = \"\"\"\"" + dots + "\\\"\"\"\"\"\n"),
            "accepted");
}

TEST(Syntax, LimitsTheSizeOfAText) {
  const auto document = parse_toml(std::string((16u << 20) + 1, ' '));
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().what, "holds 16777217 octets; expected at most 16777216");
}

TEST(Syntax, KeepsTheOrderAndPlacesOfTheFile) {
  const auto document = parse_toml("z = 1\na = [ 'x', { k = 2.5 } ]\n[b.c]\n  y = 2024-01-01\n");
  ASSERT_TRUE(document);
  const auto& entries = std::get<Table>(document->value).entries;
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].key, "z");
  EXPECT_EQ(entries[0].value.place, (Place{1, 5}));
  EXPECT_EQ(entries[1].key, "a");
  const auto& array = std::get<Array>(entries[1].value.value);
  EXPECT_EQ(array.at(0).place, (Place{2, 7}));
  EXPECT_EQ(array.at(1).place, (Place{2, 12}));
  EXPECT_EQ(entries[2].key, "b");
  const Node* const c = std::get<Table>(entries[2].value.value).find("c");
  ASSERT_TRUE(c);
  EXPECT_EQ(c->place, (Place{3, 1}));
  const Node* const y = std::get<Table>(c->value).find("y");
  ASSERT_TRUE(y);
  EXPECT_EQ(y->place, (Place{4, 7}));
  EXPECT_TRUE(std::holds_alternative<DateOrTime>(y->value));
}

}  // namespace
}  // namespace sallyport::config
