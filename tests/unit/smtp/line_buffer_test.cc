#include "proxy/smtp/line_buffer.h"

#include <gtest/gtest.h>

namespace sallyport::smtp {
namespace {

using namespace std::string_literals;
using State = LineBuffer::State;

std::string show(const LineBuffer::Next& next) {
  switch (next.state) {
    case State::kLine:
      return "<" + std::string(next.line) + ">";
    case State::kPartial:
      return "partial";
    case State::kTooLong:
      return "too long;";
    case State::kBareCr:
      return "bare CR;";
    case State::kBareLf:
      return "bare LF;";
    case State::kNul:
      return "NUL;";
  }
  return "?";
}

/// All lines and faults of `bytes`, given in pieces of `step` octets to a buffer with limit 20.
std::string lines(std::string_view bytes, std::size_t step) {
  LineBuffer buffer(20);
  std::string seen;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    buffer.append(bytes.substr(at, step));
    while (true) {
      const bool promised = buffer.has_line();
      const auto next = buffer.next();
      EXPECT_EQ(promised, next.state != State::kPartial);
      if (next.state == State::kPartial) break;
      seen += show(next);
    }
  }
  return seen;
}

TEST(LineBuffer, CutsAtCrlfOnly) {
  const std::pair<std::string, const char*> cases[] = {
      {"", ""},
      {"NOOP", ""},
      {"NOOP\r", ""},
      {"NOOP\r\n", "<NOOP>"},
      {"\r\n", "<>"},
      {"a\r\nb\r\n\r\nc", "<a><b><>"},
      {"\xff\x01 \t\r\n", "<\xff\x01 \t>"},  // the grammar's business, not ours

      {"a\rb\r\nc\r\n", "bare CR;<c>"},
      {"\ra\r\nc\r\n", "bare CR;<c>"},
      {"a\r\r\nc\r\n", "bare CR;<c>"},
      {"a\0b\r\nc\r\n"s, "NUL;<c>"},
      {"a\0\rb\r\nc\r\n"s, "NUL;<c>"},

      {"a\nb\r\nc\r\n", "bare LF;bare LF;<c>"},
      {"\n\r\nc\r\n", "bare LF;bare LF;<c>"},
      {"\r\n\nc\r\nd\r\n", "<>bare LF;bare LF;<d>"},
      {"a\r\rb\nc\r\nd\r\n", "bare CR;bare LF;<d>"},
      {"a\nb\nc\n", "bare LF;bare LF;bare LF;"},  // a client that never says CR hears so each time

      {"12345678901234567\r\n", "<12345678901234567>"},
      {"123456789012345678\r\n", "<123456789012345678>"},
      {"1234567890123456789\r\nc\r\n", "too long;<c>"},
      {"1234567890123456789\nc\r\nd\r\n", "bare LF;bare LF;<d>"},
      {"12345678901234567890\nc\r\nd\r\n", "too long;bare LF;<d>"},
      {"1234567890123456789012345678901234567890\r\nc\r\n", "too long;<c>"},
      {"12345678901234567890\0\r\r1234567890\r\nc\r\n"s, "too long;<c>"},
      {"1234567890123456789012345678901234567890", ""},
  };
  for (const auto& [bytes, expected] : cases) {
    for (const std::size_t step : {1u, 2u, 3u, 5u, 1000u}) {
      EXPECT_EQ(lines(bytes, step), expected) << bytes << " by " << step;
    }
  }
}

// CVE-2023-51764 and its kin: a reader before us took the bare LF for text, so the second command
// is the work of whoever wrote that text.
TEST(LineBuffer, NeverGivesOutWhatHidesBehindABareLf) {
  EXPECT_EQ(lines("RCPT TO:<a>\nDATA\r\nRSET\r\n", 1000), "bare LF;bare LF;<RSET>");
}

// By it the session knows a BDAT, whose octets follow whether the line can be read or not.
TEST(LineBuffer, KeepsTheBeginningOfADroppedLine) {
  const std::pair<std::string, std::string> cases[] = {
      {"BDAT 123456\n", "BDAT 123"},
      {"BDAT\n", "BDAT\n"},
      {"B\0\r\n"s, "B\0\r\n"s},
      {"BDAT\r5\r\n", "BDAT\r5\r\n"},
      {"BDAT 1 LAST............\r\n", "BDAT 1 L"},
      {"BDAT 1 LAST" + std::string(1000, '.') + "\r\n", "BDAT 1 L"},
      {"\n", "\n"},
  };
  for (const auto& [bytes, expected] : cases) {
    for (const std::size_t step : {1u, 2u, 7u, 1000u}) {
      LineBuffer buffer(20);
      LineBuffer::Next next;
      for (std::size_t at = 0; at < bytes.size(); at += step) {
        EXPECT_EQ(next.state, State::kPartial);
        buffer.append(bytes.substr(at, step));
        next = buffer.next();
      }
      EXPECT_EQ(buffer.beginning_of_dropped(), expected) << bytes << " by " << step;
    }
  }
}

TEST(LineBuffer, KeepsLittleOfALineThatIsTooLong) {
  LineBuffer buffer(512);
  const std::string flood(100'000, 'x');
  for (int i = 0; i < 100; ++i) {
    buffer.append(flood);
    EXPECT_EQ(show(buffer.next()), "partial");
    EXPECT_TRUE(buffer.rest().empty());
  }
  buffer.append("\r");
  EXPECT_EQ(show(buffer.next()), "partial");
  buffer.append("\nNOOP\r\n");
  EXPECT_EQ(show(buffer.next()), "too long;");
  EXPECT_EQ(show(buffer.next()), "<NOOP>");
}

TEST(LineBuffer, HandsOverTheContentBehindData) {
  LineBuffer buffer(512);
  buffer.append("DATA\r\nHello\r\n.\r\nQUIT\r\n");
  EXPECT_EQ(show(buffer.next()), "<DATA>");
  EXPECT_EQ(buffer.rest(), "Hello\r\n.\r\nQUIT\r\n");
  buffer.consume(7);
  buffer.append("NOOP\r\n");
  buffer.consume(3);
  EXPECT_EQ(show(buffer.next()), "<QUIT>");
  EXPECT_EQ(show(buffer.next()), "<NOOP>");
  EXPECT_TRUE(buffer.empty());
}

TEST(LineBuffer, ConsumesBytesItHasScanned) {
  LineBuffer buffer(512);
  buffer.append("abc");
  EXPECT_EQ(show(buffer.next()), "partial");
  buffer.consume(2);
  buffer.append("\r\n");
  EXPECT_EQ(show(buffer.next()), "<c>");
}

TEST(LineBuffer, SaysWhetherMoreCommandsAreHere) {
  LineBuffer buffer(512);
  buffer.append("MAIL\r\nRCPT\r\nDA");
  EXPECT_TRUE(buffer.has_line());
  buffer.next();
  EXPECT_TRUE(buffer.has_line());
  buffer.next();
  EXPECT_FALSE(buffer.has_line());
  buffer.append("TA\r\n");
  EXPECT_TRUE(buffer.has_line());
}

TEST(LineBuffer, WipesWhatWasTakenAndNothingElse) {
  LineBuffer buffer(512);
  buffer.append("a secret that is long enough to be on the heap\r\nNOOP\r\n");
  const std::string_view secret = buffer.next().line;
  const std::string_view memory(secret.data(), secret.size());
  buffer.wipe_taken();
  EXPECT_EQ(memory, std::string(memory.size(), '\0'));
  EXPECT_EQ(show(buffer.next()), "<NOOP>");
}

TEST(LineBuffer, ReleasesOnlyWhatIsEmpty) {
  LineBuffer buffer(512);
  buffer.append("NOOP\r\nQU");
  buffer.next();
  buffer.release();
  EXPECT_EQ(buffer.rest(), "QU");
  buffer.append("IT\r\n");
  EXPECT_EQ(show(buffer.next()), "<QUIT>");
  buffer.release();
  EXPECT_TRUE(buffer.empty());
  buffer.append("NOOP\r\n");
  EXPECT_EQ(show(buffer.next()), "<NOOP>");
}

}  // namespace
}  // namespace sallyport::smtp
