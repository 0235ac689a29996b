#include "proxy/smtp/chunk_decoder.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::smtp {
namespace {

using namespace std::string_literals;

/// What came of a message of one chunk or several, read in pieces of `step` octets.
struct Read {
  std::string content;
  bool bare_line_end = false;
  bool nul = false;
  bool has_8bit = false;
  bool is_binary = false;
  std::uint64_t size = 0;

  bool operator==(const Read&) const = default;
};

Read read(std::string_view content, bool binary, std::size_t chunk = ~0u, std::size_t step = ~0u) {
  ChunkDecoder decoder(binary);
  Read result;
  do {
    const std::string_view sent = content.substr(0, chunk);
    content.remove_prefix(sent.size());
    decoder.begin(sent.size(), content.empty());
    for (std::size_t at = 0; at < sent.size(); at += step) {
      EXPECT_FALSE(decoder.finished());
      std::string_view wire = sent.substr(at, step);
      std::vector<std::string_view> pieces;
      decoder.feed(wire, pieces);
      EXPECT_TRUE(wire.empty());
      for (const auto piece : pieces) result.content += piece;
      if (step > sent.size()) break;
    }
    EXPECT_TRUE(decoder.finished());
    EXPECT_EQ(decoder.complete(), content.empty());
  } while (!decoder.complete());
  result.bare_line_end = decoder.has_bare_line_end();
  result.nul = decoder.has_nul();
  result.has_8bit = decoder.has_8bit();
  result.is_binary = decoder.is_binary();
  result.size = decoder.size();
  return result;
}

TEST(ChunkDecoder, TakesNotOneOctetBeyondTheChunk) {
  ChunkDecoder decoder(false);
  std::vector<std::string_view> pieces;
  std::string_view wire = "helloBDAT 0 LAST\r\n";
  decoder.begin(5, false);
  decoder.feed(wire, pieces);
  EXPECT_EQ(pieces, std::vector<std::string_view>{"hello"});
  EXPECT_EQ(wire, "BDAT 0 LAST\r\n");
  EXPECT_TRUE(decoder.finished());
  EXPECT_FALSE(decoder.complete());
  pieces.clear();
  decoder.feed(wire, pieces);  // nothing was announced
  EXPECT_EQ(wire, "BDAT 0 LAST\r\n");
  EXPECT_TRUE(pieces.empty());
  decoder.begin(0, true);
  EXPECT_TRUE(decoder.complete());
  EXPECT_EQ(decoder.size(), 5);
}

TEST(ChunkDecoder, WaitsForAllThatWasAnnounced) {
  ChunkDecoder decoder(false);
  std::vector<std::string_view> pieces;
  decoder.begin(~std::uint64_t{0}, true);
  std::string_view wire = "a";
  decoder.feed(wire, pieces);
  EXPECT_TRUE(wire.empty());
  EXPECT_FALSE(decoder.finished());
  EXPECT_FALSE(decoder.complete());
}

// RFC 3030 section 2: what comes by BDAT is not stuffed, and no dot ends it.
TEST(ChunkDecoder, LeavesDotsAlone) {
  const std::string dots = "a: b\r\n\r\n.\r\n..\r\n.x\r\n";
  EXPECT_EQ(read(dots, false), (Read{.content = dots, .size = dots.size()}));
}

TEST(ChunkDecoder, SeesWhatIsNoText) {
  const auto text = [](const std::string& content) { return read(content, false); };
  EXPECT_TRUE(text("a\nb\r\n").bare_line_end);
  EXPECT_TRUE(text("a\rb\r\n").bare_line_end);
  EXPECT_TRUE(text("\na").bare_line_end);
  EXPECT_TRUE(text("a\r\r\n").bare_line_end);
  EXPECT_TRUE(text("a\n\n").bare_line_end);
  EXPECT_TRUE(text("a\r").bare_line_end);  // nothing comes behind it any more
  EXPECT_TRUE(text("a\0"s).nul);
  EXPECT_TRUE(text("\0"s).nul);
  EXPECT_TRUE(text("\xff").has_8bit);
  EXPECT_TRUE(text("a\x80\r\n").has_8bit);
  EXPECT_EQ(text("a\r\nb"), (Read{.content = "a\r\nb", .size = 4}));
  EXPECT_EQ(text(""), Read());
  EXPECT_FALSE(text("a\n\0"s).is_binary);
}

TEST(ChunkDecoder, LetsTheBodyOfBinaryContentHoldAnything) {
  const std::string header = "From: a@b\r\nSubject: x\r\n\r\n";
  for (const std::string& body : {"\n"s, "\r"s, "\0"s, "a\nb"s, "a\rb"s, "\r\r\n"s, "\n\r"s}) {
    const Read whole = read(header + body, true);
    EXPECT_FALSE(whole.bare_line_end || whole.nul) << body;
    EXPECT_TRUE(whole.is_binary) << body;
    EXPECT_TRUE(read(header + body, false).bare_line_end || read(header + body, false).nul);
  }
  for (const std::string& body : {""s, "text"s, "\r\n\r\n"s, "\xff\r\n"s}) {
    EXPECT_FALSE(read(header + body, true).is_binary) << body;  // it was declared, and is not
  }
}

TEST(ChunkDecoder, WantsLinesInTheHeaderSectionOfBinaryContent) {
  for (const std::string& content : {"a: b\n\nbody"s, "a: b\r\nc: d\n\r\n\r\n"s, "a: \r\r\n\r\n"s,
                                     "a\rb: c\r\n\r\n"s, "a: b\r"s, "\n\r\n"s, "\r\r\n\r\n"s}) {
    EXPECT_TRUE(read(content, true).bare_line_end) << content;
    EXPECT_FALSE(read(content, true).is_binary) << content;
  }
  EXPECT_TRUE(read("a: \0\r\n\r\n"s, true).nul);
  // No header section at all: the first line is empty.
  EXPECT_TRUE(read("\r\n\n\0"s, true).is_binary);
  EXPECT_FALSE(read("\r\n\n\0"s, true).bare_line_end);
}

// However it is cut into chunks, and however those arrive.
TEST(ChunkDecoder, GivesTheSameInAnySplit) {
  const std::string contents[] = {"From: a@b\r\n\r\nhello\r\n"s,
                                  "a: b\r\n\r\n\0\r\n\n\r"s,
                                  "a: b\r\n\r"s,
                                  "\r\n\r\n\r"s,
                                  "\r\r\n\n"s,
                                  "a: b\r\n \r\n\r\nx\n"s,
                                  std::string(300, 'x') + "\r\n\r\n\xff"};
  for (const std::string& content : contents) {
    for (const bool binary : {false, true}) {
      const Read whole = read(content, binary);
      EXPECT_EQ(whole.content, content);
      for (std::size_t chunk = 1; chunk <= 7; ++chunk) {
        for (std::size_t step = 1; step <= 3; ++step) {
          EXPECT_EQ(read(content, binary, chunk, step), whole) << content;
        }
      }
      EXPECT_EQ(read(content, binary, ~0u, 1), whole) << content;
    }
  }
}

}  // namespace
}  // namespace sallyport::smtp
