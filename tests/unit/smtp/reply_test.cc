#include "proxy/smtp/reply.h"

#include <gtest/gtest.h>

namespace sallyport::smtp {
namespace {

using namespace std::string_literals;

Reply reply(int code, std::optional<EnhancedCode> enhanced, std::vector<std::string> lines) {
  Reply made(code, "");
  made.enhanced = enhanced;
  made.lines = std::move(lines);
  return made;
}

TEST(Reply, GoesOnTheWireWithBothCodesOnEachLine) {
  EXPECT_EQ(Reply(220, "mail.example.com ESMTP").wire(), "220 mail.example.com ESMTP\r\n");
  EXPECT_EQ(Reply(550, {5, 7, 1}, "No").wire(), "550 5.7.1 No\r\n");
  EXPECT_EQ(reply(250, EnhancedCode{2, 0, 0}, {"a", "b", "c"}).wire(),
            "250-2.0.0 a\r\n250-2.0.0 b\r\n250 2.0.0 c\r\n");
}

// RFC 5321 section 4.2: the text may be missing, and then the space is too.
TEST(Reply, MayHaveNoText) {
  EXPECT_EQ(Reply(250, "").wire(), "250\r\n");
  EXPECT_EQ(Reply(250, {2, 0, 0}, "").wire(), "250 2.0.0\r\n");
  EXPECT_EQ(reply(250, std::nullopt, {"", ""}).wire(), "250-\r\n250\r\n");
  EXPECT_EQ(reply(250, std::nullopt, {}).wire(), "250\r\n");
}

TEST(Reply, CannotBeMadeToSayASecondReply) {
  EXPECT_EQ(Reply(550, {5, 1, 1}, "<a\r\n250 2.0.0 Ok\r\n>").wire(),
            "550 5.1.1 <a  250 2.0.0 Ok  >\r\n");
  EXPECT_EQ(Reply(550, "a\rb\nc\0d\x1b[31m\x7f"s).wire(), "550 a b c d [31m \r\n");
  EXPECT_EQ(Reply(550, "tab\tstays").wire(), "550 tab\tstays\r\n");
}

std::vector<std::string> lines_of(std::string_view wire) {
  std::vector<std::string> lines;
  for (std::size_t end = 0; (end = wire.find("\r\n")) != wire.npos; wire.remove_prefix(end + 2)) {
    lines.emplace_back(wire.substr(0, end + 2));
  }
  return lines;
}

// RFC 5321 section 4.5.3.1.5: at most 512 octets with the CRLF.
TEST(Reply, SplitsLongTextAtSpaces) {
  std::string text;
  for (int word = 0; word < 400; ++word) text += "word" + std::to_string(word) + ' ';
  const auto lines = lines_of(Reply(451, {4, 4, 2}, text + "end").wire());
  ASSERT_GT(lines.size(), 4u);
  std::string joined;
  for (const std::string& line : lines) {
    const bool last = &line == &lines.back();
    EXPECT_LE(line.size(), 512u);
    EXPECT_TRUE(line.starts_with(last ? "451 4.4.2 word" : "451-4.4.2 word")) << line;
    joined += line.substr(10, line.size() - 12) + (last ? "" : " ");
  }
  EXPECT_EQ(joined, text + "end");
}

TEST(Reply, FillsALineToTheOctet) {
  EXPECT_EQ(lines_of(Reply(250, std::string(506, 'x')).wire()).size(), 1u);
  const auto lines = lines_of(Reply(250, std::string(507, 'x')).wire());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].size(), 512u);
  EXPECT_EQ(lines[1], "250 x\r\n");
  // A space right after what fits is where the line ends.
  const auto at_space = lines_of(Reply(250, std::string(506, 'x') + " y").wire());
  ASSERT_EQ(at_space.size(), 2u);
  EXPECT_EQ(at_space[1], "250 y\r\n");
}

TEST(Reply, NeverTearsACharacter) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "\xe2\x82\xac";  // the euro sign, three octets
  for (const std::string& line : lines_of(Reply(550, text).wire())) {
    EXPECT_EQ((line.size() - 6) % 3, 0u);
  }
  // Octets that look like the middle of a character without end don't stop the splitting.
  EXPECT_EQ(lines_of(Reply(550, std::string(2000, '\x80')).wire()).size(), 4u);
}

TEST(Reply, IsWrittenInAsciiUnlessUtf8IsAllowed) {
  const struct {
    std::string text;
    const char* ascii;
    const char* utf8;
  } cases[] = {
      {"gr\xc3\xbc\xc3\x9f", "550 gr????\r\n", "550 gr\xc3\xbc\xc3\x9f\r\n"},
      {"\xf0\x9f\x98\x80", "550 ????\r\n", "550 \xf0\x9f\x98\x80\r\n"},
      {"latin \xfc!", "550 latin ?!\r\n", "550 latin ?!\r\n"},
      {"cut \xc3", "550 cut ?\r\n", "550 cut ?\r\n"},
      {"\xc0\x80 overlong", "550 ?? overlong\r\n", "550 ?? overlong\r\n"},
      {"C1 \xc2\x85.", "550 C1 ??.\r\n", "550 C1 ??.\r\n"},
      {"a\x1b[31m\x7f\tb", "550 a [31m \tb\r\n", "550 a [31m \tb\r\n"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(reply(550, std::nullopt, {c.text}).wire(), c.ascii);
    EXPECT_EQ(reply(550, std::nullopt, {c.text}).wire(ReplyText::kUtf8), c.utf8);
  }
  // A line of two octets a character is split between characters.
  std::string u;
  for (int i = 0; i < 600; ++i) u += "\xc3\xbc";
  EXPECT_FALSE(reply(550, std::nullopt, {u}).wire(ReplyText::kUtf8).contains('?'));
}

TEST(Reply, JoinsItsLinesForLogs) {
  EXPECT_EQ(reply(550, std::nullopt, {"over", "quota"}).text(), "over quota");
  EXPECT_EQ(Reply().text(), "");
}

TEST(Reply, HasAClass) {
  EXPECT_TRUE(Reply(250, "").is_positive());
  EXPECT_TRUE(Reply(354, "").is_positive());
  EXPECT_TRUE(Reply(421, "").is_transient());
  EXPECT_TRUE(Reply(550, "").is_permanent());
  EXPECT_FALSE(Reply(550, "").is_transient() || Reply(550, "").is_positive());
}

// ---- ReplyParser --------------------------------------------------------------------------------

/// Feeds `wire` in pieces of `step` octets and gives what came out, one line a reply.
std::string parse(std::string_view wire, std::size_t step) {
  ReplyParser parser;
  std::string seen;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    std::string_view bytes = wire.substr(at, step);
    while (!bytes.empty()) {
      const auto result = parser.feed(bytes);
      if (!result) return seen + "!" + result.error().text;
      const std::optional<Reply>& got = *result;
      if (!got) break;
      seen += std::to_string(got->code) + '/' + (got->enhanced ? got->enhanced->str() : "-");
      for (const std::string& line : got->lines) seen += '/' + line;
      seen += '\n';
    }
    EXPECT_TRUE(bytes.empty());
  }
  return seen;
}

std::string parse(std::string_view wire) {
  const std::string whole = parse(wire, wire.size());
  for (const std::size_t step : {1u, 2u, 3u, 7u}) EXPECT_EQ(parse(wire, step), whole) << wire;
  return whole;
}

TEST(ReplyParser, ReadsReplies) {
  const std::pair<const char*, const char*> cases[] = {
      {"250 Ok\r\n", "250/-/Ok\n"},
      {"250 2.0.0 Ok: queued as 5F2\r\n", "250/2.0.0/Ok: queued as 5F2\n"},
      {"250-a\r\n250-b\r\n250 c\r\n", "250/-/a/b/c\n"},
      {"550-5.7.1 a\r\n550 5.7.1 b\r\n", "550/5.7.1/a/b\n"},
      {"354 Go\r\n250 Ok\r\n421 4.3.2 Bye\r\n", "354/-/Go\n250/-/Ok\n421/4.3.2/Bye\n"},
      // RFC 5321 section 4.2 lets the text be missing; some leave the space, too.
      {"250\r\n", "250/-/\n"},
      {"250 \r\n", "250/-/\n"},
      {"250-\r\n250\r\n", "250/-//\n"},
      {"250 2.0.0\r\n", "250/2.0.0/\n"},
      // Codes that RFC 5321 does not name are in use: only the first digit has a meaning.
      {"571 5.7.1 no\r\n", "571/5.7.1/no\n"},
      {"250 \xc3\xa4 \x1b\r\n", "250/-/\xc3\xa4 \x1b\n"},
  };
  for (const auto& [wire, expected] : cases) EXPECT_EQ(parse(wire), expected);
}

TEST(ReplyParser, TakesAnEnhancedCodeForOneOnlyWhenItFits) {
  const std::pair<const char*, const char*> cases[] = {
      {"550 4.7.1 no\r\n", "550/-/4.7.1 no\n"},      // another class
      {"354 3.0.0 go\r\n", "354/-/3.0.0 go\n"},      // RFC 3463 has no class 3
      {"550 5.7 no\r\n", "550/-/5.7 no\n"},          // cut short
      {"550 5.7.1no\r\n", "550/-/5.7.1no\n"},        // part of a word
      {"550 5.7.1.2 no\r\n", "550/-/5.7.1.2 no\n"},  // an address, perhaps
      {"550 5.1000.1 no\r\n", "550/-/5.1000.1 no\n"},
      {"550 5.07.1 no\r\n", "550/-/5.07.1 no\n"},
      {"550 5.999.999 no\r\n", "550/5.999.999/no\n"},
      {"550  5.7.1 no\r\n", "550/-/ 5.7.1 no\n"},
      {"550 5.7.1  no\r\n", "550/5.7.1/ no\n"},
      // The first line says which; what differs from it is text.
      {"550-5.7.1 a\r\n550 5.7.2 b\r\n", "550/5.7.1/a/5.7.2 b\n"},
      {"550-5.7.1 a\r\n550 b\r\n", "550/5.7.1/a/b\n"},
      {"550-a\r\n550 5.7.1 b\r\n", "550/-/a/5.7.1 b\n"},
  };
  for (const auto& [wire, expected] : cases) EXPECT_EQ(parse(wire), expected);
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  const std::pair<std::string, const char*> cases[] = {
      {"250-a\r\n251 b\r\n", "its lines differ in their code"},
      {"250-a\r\n550 b\r\n", "its lines differ in their code"},
      {"250 Ok\n", "a line ends in a bare LF"},
      {"250-Ok\n250 Ok\r\n", "a line ends in a bare LF"},
      {"250 O\rk\r\n", "a line has a bare CR"},
      {"250 Ok\r\r\n", "a line has a bare CR"},
      {"250 O\0k\r\n"s, "a line has a NUL"},
      {"\r\n", "a line does not begin with three digits"},
      {"25\r\n", "a line does not begin with three digits"},
      {"25x Ok\r\n", "a line does not begin with three digits"},
      {" 250 Ok\r\n", "a line does not begin with three digits"},
      {"+25 Ok\r\n", "a line does not begin with three digits"},
      {"HTTP/1.1 400 Bad Request\r\n", "a line does not begin with three digits"},
      {"150 wait\r\n", "its code is not one of 200 to 599"},
      {"600 x\r\n", "its code is not one of 200 to 599"},
      {"000 x\r\n", "its code is not one of 200 to 599"},
      {"2500 Ok\r\n", "the code is followed by neither a space nor '-'"},
      {"250Ok\r\n", "the code is followed by neither a space nor '-'"},
      {"250\tOk\r\n", "the code is followed by neither a space nor '-'"},
      {"250-a\r\n\r\n", "a line does not begin with three digits"},
  };
  for (const auto& [wire, why] : cases) {
    EXPECT_EQ(parse(wire), "!the server's answer is no SMTP reply: "s + why) << wire;
  }
}

TEST(ReplyParser, HoldsAReplyTo64KiB) {
  const std::string most = "250 " + std::string(65536 - 6, 'x') + "\r\n";
  EXPECT_EQ(parse(most, 1000).size(), 6 + most.size() - 6 + 1);
  const std::string too_long = "!the server's answer is no SMTP reply: it is longer than 64 KiB";
  EXPECT_EQ(parse("250 " + std::string(65536, 'x') + "\r\n", 1000), too_long);
  EXPECT_EQ(parse(std::string(70000, '2'), 1000), too_long);
  std::string lines;
  while (lines.size() < 70000) lines += "250-\r\n";
  EXPECT_EQ(parse(lines, 1000), too_long);
}

TEST(ReplyParser, CountsEachReplyForItself) {
  std::string wire;
  std::string expected;
  for (int i = 0; i < 20000; ++i) wire += "250 Ok\r\n", expected += "250/-/Ok\n";
  EXPECT_EQ(parse(wire, 4096), expected);
}

TEST(ReplyParser, LeavesWhatFollowsAReplyUntouched) {
  ReplyParser parser;
  std::string_view bytes = "220 ready\r\nmore";
  ASSERT_TRUE(parser.feed(bytes)->has_value());
  EXPECT_EQ(bytes, "more");  // after STARTTLS this is how an injected answer is found
}

TEST(ReplyParser, ReadsNothingMoreAfterAnError) {
  ReplyParser parser;
  std::string_view bytes = "nonsense\r\n250 Ok\r\n";
  EXPECT_EQ(parser.feed(bytes).error().code, ErrorCode::kProtocol);
  EXPECT_FALSE(parser.feed(bytes));
  std::string_view none;
  EXPECT_FALSE(parser.feed(none));
}

TEST(ReplyParser, ReadsBackWhatReplyWrites) {
  for (const Reply& original :
       {Reply(220, "hello"), Reply(451, {4, 4, 2}, "bad connection"), Reply(250, ""),
        reply(550, EnhancedCode{5, 7, 1}, {"first", "", " third "})}) {
    ReplyParser parser;
    const std::string wire = original.wire();
    std::string_view bytes = wire;
    const auto parsed = parser.feed(bytes);
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_EQ(parsed->value_or(Reply()), original) << wire;
  }
}

}  // namespace
}  // namespace sallyport::smtp
