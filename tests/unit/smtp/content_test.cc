#include "proxy/smtp/content.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/content_by_the_letter.h"

namespace sallyport::smtp {

/// For googletest, which looks for it beside Decoded.
static std::ostream& operator<<(std::ostream& out, const Decoded& decoded) {
  return out << testing::PrintToString(decoded.text) << " left "
             << testing::PrintToString(decoded.left) << (decoded.finished ? " finished" : "")
             << (decoded.bare ? " bare" : "") << (decoded.nul ? " nul" : "")
             << (decoded.has_8bit ? " 8bit" : "");
}

namespace {

using namespace std::string_literals;

Decoded decode(std::string_view wire, std::size_t step,
               BareLineEnds bare = BareLineEnds::kRefused) {
  ContentDecoder decoder(bare);
  Decoded decoded;
  for (std::size_t at = 0; at < wire.size() && !decoder.finished(); at += step) {
    // A copy of its own for each piece: a view that outlives its bytes is found by ASan.
    const std::string bytes(wire.substr(at, step));
    std::string_view rest = bytes;
    std::vector<std::string_view> pieces;
    decoder.feed(rest, pieces);
    for (const std::string_view piece : pieces) decoded.text += piece;
    EXPECT_TRUE(rest.empty() || decoder.finished());
    if (decoder.finished()) decoded.left = wire.substr(at + bytes.size() - rest.size());
  }
  EXPECT_EQ(decoder.size(), decoded.text.size());
  decoded.finished = decoder.finished();
  decoded.bare = decoder.has_bare_line_end();
  decoded.nul = decoder.has_nul();
  decoded.has_8bit = decoder.has_8bit();
  return decoded;
}

/// However the octets are split, what is read is the same.
Decoded decode(std::string_view wire, BareLineEnds bare = BareLineEnds::kRefused) {
  const Decoded whole = decode(wire, wire.size() + 1, bare);
  for (std::size_t step = 1; step <= 8; ++step) EXPECT_EQ(decode(wire, step, bare), whole);
  return whole;
}

Decoded mend(std::string_view wire) { return decode(wire, BareLineEnds::kMended); }

std::string encode(std::string_view text, std::size_t step) {
  ContentEncoder encoder;
  std::string wire;
  std::vector<std::string_view> views;
  for (std::size_t at = 0; at < text.size(); at += step) encoder.feed(text.substr(at, step), views);
  encoder.finish(views);
  for (const std::string_view view : views) wire += view;
  return wire;
}

std::string encode(std::string_view text) {
  const std::string whole = encode(text, text.size() + 1);
  for (std::size_t step = 1; step <= 8; ++step) EXPECT_EQ(encode(text, step), whole);
  return whole;
}

/// What a message says of its dots, and what goes out on the strength of it.
struct Relayed {
  bool may_have_dotted_line = true;
  std::string wire;
};

Relayed relay(std::string_view wire, std::size_t step) {
  ContentDecoder decoder;
  std::string text;
  for (std::size_t at = 0; at < wire.size() && !decoder.finished(); at += step) {
    std::string_view rest = wire.substr(at, step);
    std::vector<std::string_view> pieces;
    decoder.feed(rest, pieces);
    for (const std::string_view piece : pieces) text += piece;
  }
  Relayed relayed{.may_have_dotted_line = decoder.may_have_dotted_line(), .wire = {}};
  ContentEncoder encoder;
  std::vector<std::string_view> views;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::string_view piece = std::string_view(text).substr(at, step);
    relayed.may_have_dotted_line ? encoder.feed(piece, views) : encoder.pass(piece, views);
  }
  encoder.finish(views);
  for (const std::string_view view : views) relayed.wire += view;
  return relayed;
}

TEST(ContentDecoder, SaysWhetherALineMayBeginWithADot) {
  for (std::size_t step = 1; step <= 12; ++step) {
    for (const std::string_view plain :
         {".\r\n", "a.b\r\n.\r\n", "a\r\n b. \r\n\r\n.\r\n", "\r\n.\r\n"}) {
      EXPECT_FALSE(relay(plain, step).may_have_dotted_line) << plain;
    }
    for (const std::string_view dotted :
         {"..\r\n.\r\n", "a\r\n..\r\n.\r\n", "a\r\n..b\r\n.\r\n", "a\r\n\r\n...\r\n.\r\n"}) {
      EXPECT_TRUE(relay(dotted, step).may_have_dotted_line) << dotted;
    }
    // Nobody knows before the end.
    EXPECT_TRUE(relay("a\r\n.\r", step).may_have_dotted_line);
    EXPECT_TRUE(relay("", step).may_have_dotted_line);
  }
}

TEST(Content, IsRelayedAsItCameWhetherItsDotsAreLookedForOrNot) {
  std::mt19937 random(20261124);
  const std::string_view alphabet[] = {"a", ".", "..", "\r\n", "\r\n..", "\r", "\n", "text. "};
  std::size_t passed = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string wire;
    for (auto n = random() % 12; n > 0; --n) wire += alphabet[random() % std::size(alphabet)];
    wire += "\r\n.\r\n";
    const Decoded decoded = decode(wire, wire.size());
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, wire.size()}) {
      const Relayed relayed = relay(wire, step);
      EXPECT_EQ(relayed.wire, encode(decoded.text, wire.size() + 1))
          << testing::PrintToString(wire);
      passed += relayed.may_have_dotted_line ? 0 : 1;
    }
  }
  EXPECT_GT(passed, 1000u);
}

TEST(ContentDecoder, ReadsToTheLoneDot) {
  EXPECT_EQ(decode("Subject: x\r\n\r\nHi\r\n.\r\nQUIT\r\n"),
            (Decoded{.text = "Subject: x\r\n\r\nHi\r\n", .left = "QUIT\r\n", .finished = true}));
  EXPECT_EQ(decode(".\r\n"), (Decoded{.finished = true}));  // DATA with nothing in it
  EXPECT_EQ(decode("\r\n.\r\n"), (Decoded{.text = "\r\n", .finished = true}));
  EXPECT_EQ(decode(""), Decoded());
  EXPECT_EQ(decode("Hi\r\n."), (Decoded{.text = "Hi\r\n"}));
  EXPECT_EQ(decode("Hi\r\n.\r"), (Decoded{.text = "Hi\r\n"}));
}

TEST(ContentDecoder, ReadsNothingOnceFinished) {
  ContentDecoder decoder;
  std::vector<std::string_view> pieces;
  std::string_view wire = ".\r\nQUIT\r\n";
  decoder.feed(wire, pieces);
  decoder.feed(wire, pieces);
  EXPECT_EQ(wire, "QUIT\r\n");
  EXPECT_TRUE(pieces.empty());
}

// RFC 5321 section 4.5.2: of a line that begins with a dot and has more, the dot is taken away.
TEST(ContentDecoder, TakesTheLeadingDotOff) {
  const std::pair<std::string, std::string> cases[] = {
      {"..\r\n", ".\r\n"},
      {"...\r\n", "..\r\n"},
      {"..first line\r\n", ".first line\r\n"},  // others missed the first line
      {"a\r\n..b\r\n", "a\r\n.b\r\n"},
      {"a\r\n.b\r\n", "a\r\nb\r\n"},  // a lonely dot goes, too
      {"a.\r\n.. .\r\n", "a.\r\n. .\r\n"},
      {"a\r\n..\r\n..\r\n..\r\n", "a\r\n.\r\n.\r\n.\r\n"},
  };
  for (const auto& [wire, text] : cases) {
    EXPECT_EQ(decode(wire + ".\r\n"), (Decoded{.text = text, .finished = true}));
  }
}

// SMTP smuggling: CVE-2023-51764, -51765, -51766 and their kin. Some server somewhere takes each of
// these for the end. Here none is, and each marks the message as one to refuse.
TEST(ContentDecoder, IsNotFooledAboutTheEnd) {
  const std::string cases[] = {
      "\n.\n",       "\n.\r\n",      "\r\n.\n",     "\r.\r\n",     "\r\n.\r",      "\r.\r",
      "\n.\r",       "\r.\n",        "\r\n\n.\r\n", "\r\r\n.\n",   "\n\n.\n\n",    "\r\n.\r\r\n",
      "\r\n.\n\r\n", "\r\n\r.\r\n",  "\n\r.\r\n",   "\r\n.\r\r",   "\n.\n.\r\n",   "\r\n..\n",
      "\r\n.\rX\n",  "\r\n.\r.\r\n", "\r.\r\n.\n",  "\n\r\n\r.\r", "\r\0\n.\r\n"s,
  };
  for (const std::string& end : cases) {
    const Decoded decoded = decode("body" + end + "MAIL FROM:<evil@example.com>");
    EXPECT_FALSE(decoded.finished) << testing::PrintToString(end);
    EXPECT_TRUE(decoded.bare) << testing::PrintToString(end);
    EXPECT_EQ(decoded.left, "") << testing::PrintToString(end);
  }
  // These do look odd, and are right.
  for (const std::string& end : {"\r\n.\0\r\n"s, "\r\n. \r\n"s, "\r\n..\r\n"s, "\r\n.\t\r\n"s}) {
    const Decoded decoded = decode("body" + end);
    EXPECT_FALSE(decoded.finished) << testing::PrintToString(end);
    EXPECT_FALSE(decoded.bare) << testing::PrintToString(end);
  }
}

TEST(ContentDecoder, LosesNothingOfWhatItRefuses) {
  const std::pair<std::string, std::string> cases[] = {
      {".\rX", "\rX"},  // others lost the CR together with the dot
      {"a\r\n.\rX", "a\r\n\rX"},
      {"a\r\n.\r\rX", "a\r\n\r\rX"},
      {"a\r\n.\nX", "a\r\n\nX"},
      {"a\n.\nX", "a\n.\nX"},
      {"a\r.\rX", "a\r.\rX"},
      {"\n", "\n"},
      {"\r", "\r"},
      {"\rX", "\rX"},
      {"a\r\n\n..X", "a\r\n\n..X"},
      {"a\r\r\n..X", "a\r\r\n.X"},  // a CRLF all the same, so the next line begins here
  };
  for (const auto& [wire, text] : cases) {
    EXPECT_EQ(decode(wire).text, text) << testing::PrintToString(wire);
    EXPECT_EQ(decode(wire).bare, wire != "\r") << testing::PrintToString(wire);
  }
}

TEST(ContentDecoder, SeesNulAnd8bitWhereverTheyAre) {
  EXPECT_EQ(decode("\0\r\n.\r\n"s), (Decoded{.text = "\0\r\n"s, .finished = true, .nul = true}));
  EXPECT_EQ(decode("\x80\r\n.\r\n"),
            (Decoded{.text = "\x80\r\n", .finished = true, .has_8bit = true}));
  EXPECT_FALSE(decode("\x7f\r\n.\r\n").has_8bit);
  for (std::size_t size = 1; size < 300; size += 7) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string wire(size, 'x');
      wire[at] = '\xff';
      EXPECT_EQ(decode(wire, size), (Decoded{.text = wire, .has_8bit = true}));
      wire[at] = '\0';
      EXPECT_EQ(decode(wire, size), (Decoded{.text = wire, .nul = true}));
      wire[at] = '\n';
      EXPECT_EQ(decode(wire, size), (Decoded{.text = wire, .bare = true}));
      wire[at] = '\r';
      EXPECT_EQ(decode(wire, size), (Decoded{.text = wire, .bare = at + 1 < size}));
    }
  }
}

// What follows the end is not content, and must not count against it.
TEST(ContentDecoder, DoesNotJudgeWhatFollowsTheEnd) {
  const std::string after = "\0\n\r\x80"s + std::string(300, '\xff');
  EXPECT_EQ(decode("a\r\n.\r\n" + after),
            (Decoded{.text = "a\r\n", .left = after, .finished = true}));
}

TEST(ContentDecoder, MendsBareLineFeedsWhenAskedTo) {
  const std::pair<std::string, std::string> cases[] = {
      {"a\nb\r\n", "a\r\nb\r\n"},
      {"a\n\nb\n\r\n", "a\r\n\r\nb\r\n\r\n"},
      {"\n", "\r\n"},
      {"\n\n\n", "\r\n\r\n\r\n"},
      {"Subject: x\n\nHi\n\r\n", "Subject: x\r\n\r\nHi\r\n\r\n"},
      // No dot is taken off behind a bare LF, and none is lost.
      {"a\n.b\n..c\n...\r\n", "a\r\n.b\r\n..c\r\n...\r\n"},
      {"a\r\n.b\n.c\r\n..d\r\n", "a\r\nb\r\n.c\r\n.d\r\n"},
      // A lone dot is text if a bare LF is on either side of it.
      {"a\n.\nb\r\n", "a\r\n.\r\nb\r\n"},
      {"a\n.\r\nb\r\n", "a\r\n.\r\nb\r\n"},
      {"a\r\n.\nb\r\n", "a\r\n.\r\nb\r\n"},
      {"a\n.\n.\n.\r\n", "a\r\n.\r\n.\r\n.\r\n"},
      {".\n", ".\r\n"},
      {"..\n", ".\r\n"},
  };
  for (const auto& [wire, text] : cases) {
    if (!wire.ends_with("\r\n")) EXPECT_EQ(mend(wire), (Decoded{.text = text}));
    EXPECT_EQ(mend(wire + "\r\n.\r\nQUIT"),
              (Decoded{.text = text + "\r\n", .left = "QUIT", .finished = true}))
        << testing::PrintToString(wire);
  }
}

TEST(ContentDecoder, MendsBareCarriageReturnsWhenAskedTo) {
  const std::pair<std::string, std::string> cases[] = {
      // CR CR LF is a CRLF that was converted again.
      {"a\r\r\nb\r\r\n", "a\r\nb\r\n"},
      {"a\r\r\r\n", "a\r\n"},
      {"a\r\r\n\r\r\nb", "a\r\n\r\nb"},
      {"a\r\r\n..b", "a\r\n.b"},  // it is a line end on the wire, too
      // A lone CR is a line end of its own.
      {"a\rb", "a\r\nb"},
      {"a\r\rb", "a\r\n\r\nb"},
      {"a\r.b", "a\r\n.b"},
      {"a\n\rb", "a\r\n\r\nb"},
      // A lone dot beside any of them is text.
      {"a\r.\rb", "a\r\n.\r\nb"},
      {"a\r.\r\nb", "a\r\n.\r\nb"},
      {"a\r\n.\rb", "a\r\n.\r\nb"},
      {"a\r\n.\r\r\nb", "a\r\n.\r\nb"},
      {"a\n.\r\r\nb", "a\r\n.\r\nb"},
      {"a\r\r\n.\r\r\nb", "a\r\n.\r\nb"},
  };
  for (const auto& [wire, text] : cases) {
    EXPECT_EQ(mend(wire), (Decoded{.text = text})) << testing::PrintToString(wire);
    EXPECT_EQ(mend(wire + "x\r\n.\r\nQUIT"),
              (Decoded{.text = text + "x\r\n", .left = "QUIT", .finished = true}))
        << testing::PrintToString(wire);
  }
  // The CRLF of CR CR LF is one: what ends for everybody behind it ends here.
  EXPECT_EQ(mend("a\r\r\n.\r\nQUIT"), (Decoded{.text = "a\r\n", .left = "QUIT", .finished = true}));
}

TEST(ContentDecoder, MendsNothingElse) {
  EXPECT_TRUE(mend("a\0b\n\r\n.\r\n"s).nul);
  EXPECT_TRUE(mend("a\x80\n\r\n.\r\n").has_8bit);
  EXPECT_EQ(mend("a\n\r\n.\r\n\n\r\0\x80"s),
            (Decoded{.text = "a\r\n\r\n", .left = "\n\r\0\x80"s, .finished = true}));
}

TEST(ContentDecoder, MendingChangesNothingOfWhatIsFine) {
  std::mt19937 random(51764);
  for (int round = 0; round < 500; ++round) {
    std::string wire = {};
    for (std::size_t lines = random() % 20; lines > 0; --lines) {
      wire += std::string(random() % 3, '.') + std::string(random() % 90, 'x') + "\r\n";
    }
    EXPECT_EQ(mend(wire), decode(wire));
  }
}

TEST(ContentDecoder, GivesViewsNotCopies) {
  std::string wire;
  for (int i = 0; i < 200; ++i) wire += "a line of text as mail has it\r\n";
  std::string_view rest = wire;
  ContentDecoder decoder;
  std::vector<std::string_view> pieces;
  decoder.feed(rest, pieces);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].data(), wire.data());
  EXPECT_EQ(pieces[0].size(), wire.size());
}

TEST(ContentEncoder, DoublesLeadingDots) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ".\r\n"},
      {"Hi\r\n", "Hi\r\n.\r\n"},
      {"Hi", "Hi\r\n.\r\n"},
      {".", "..\r\n.\r\n"},
      {".\r\n", "..\r\n.\r\n"},
      {"a\r\n.b\r\n..c\r\n", "a\r\n..b\r\n...c\r\n.\r\n"},
      {"a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n"},
      {"\r\n.", "\r\n..\r\n.\r\n"},
      // A line begins after CRLF only; such content is refused before it gets here.
      {"a\n.b\r.c", "a\n.b\r.c\r\n.\r\n"},
      {"a\r", "a\r\r\n.\r\n"},
      {"a\n", "a\n\r\n.\r\n"},
  };
  for (const auto& [text, wire] : cases) {
    EXPECT_EQ(encode(text), wire) << testing::PrintToString(text);
  }
}

// Mostly the octets that matter, with runs long enough to reach the vector code.
constexpr std::string_view kOctets("\r\n.\r\n.\r\n.xy\0\xe4", 13);

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text = {};
  while (text.size() < size) {
    if (random() % 8 == 0) text.append(random() % 200, 'x');
    text += random() % 3 == 0 ? "\r\n."s : std::string(1, kOctets[random() % kOctets.size()]);
  }
  return text;
}

TEST(Content, IsTheSameAfterTheWire) {
  std::mt19937 random(5321);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_text(random, random() % 600);
    const bool whole_lines = text.empty() || text.ends_with("\r\n");
    const std::size_t step = 1 + random() % 300;
    const Decoded decoded = decode(encode(text, step) + "QUIT", 1 + random() % 300);
    EXPECT_EQ(decoded.text, whole_lines ? text : text + "\r\n");
    EXPECT_EQ(decoded.left, "QUIT");
  }
}

TEST(ContentDecoder, AgreesWithTheLetterOfTheRfc) {
  std::mt19937 random(2821);
  for (int round = 0; round < 5000; ++round) {
    const std::string wire = random_text(random, random() % 400);
    EXPECT_EQ(decode(wire, 1 + random() % 300), decode_by_the_letter(wire))
        << testing::PrintToString(wire);
    EXPECT_EQ(decode(wire, 1 + random() % 300, BareLineEnds::kMended),
              decode_by_the_letter(wire, BareLineEnds::kMended))
        << testing::PrintToString(wire);
  }
}

// Every place where the wire can be cut, and every pair of places.
TEST(ContentDecoder, CutAnywhereReadsTheSame) {
  const std::string nasty[] = {"..\r\n.x\r\n\r\n.\r\n.\r\n",  "\n.\r\n.\n.\r\r\n.\r\nQUIT",
                               "\r\n..\r.\r\n\0.\r\n.\r\nX"s, "a\n\n.\n..\n\r\n.\r\n",
                               ".\n.\n\r\n.\n\r\n.\r\n.\r\n", "\r.\r\n.\r.\r\n\r\n.\r\n"};
  for (const BareLineEnds bare : {BareLineEnds::kRefused, BareLineEnds::kMended}) {
    for (const std::string& wire : nasty) {
      const Decoded whole = decode(wire, wire.size() + 1, bare);
      EXPECT_EQ(whole, decode_by_the_letter(wire, bare));
      for (std::size_t first = 0; first <= wire.size(); ++first) {
        for (std::size_t second = first; second <= wire.size(); ++second) {
          ContentDecoder decoder(bare);
          std::string text;
          for (std::string_view part : {std::string_view(wire).substr(0, first),
                                        std::string_view(wire).substr(first, second - first),
                                        std::string_view(wire).substr(second)}) {
            std::vector<std::string_view> pieces;
            decoder.feed(part, pieces);
            for (const std::string_view piece : pieces) text += piece;
          }
          EXPECT_EQ(text, whole.text) << first << ", " << second;
          EXPECT_EQ(decoder.finished(), whole.finished);
          EXPECT_EQ(decoder.has_bare_line_end(), whole.bare);
          EXPECT_EQ(decoder.has_nul(), whole.nul);
        }
      }
    }
  }
}

}  // namespace
}  // namespace sallyport::smtp
