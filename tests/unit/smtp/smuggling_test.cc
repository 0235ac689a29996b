// SMTP smuggling, exhaustively: every short sequence of the octets that matter, in front of what
// would be a second message, against servers that take more for an end of data than RFC 5321
// allows.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

#include "proxy/smtp/content.h"
#include "tests/support/lenient_server.h"

namespace sallyport::smtp {
namespace {

using namespace std::string_literals;

constexpr std::string_view kOctets("\r\n.\0x", 5);
constexpr std::size_t kLongest = 6;
constexpr std::string_view kBefore = "Subject: s\r\n\r\nlegit";
constexpr std::string_view kAfter = "MAIL FROM:<evil@example.com>\r\nDATA\r\nevil";
constexpr std::string_view kEnd = "\r\n.\r\n";

struct Decoded {
  std::string text;
  std::size_t read = 0;  ///< Octets of the wire up to the end of data.
  bool finished = false;
  bool refused = false;
  bool may_have_dotted_line = false;

  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view wire, std::size_t step, BareLineEnds bare) {
  ContentDecoder decoder(bare);
  Decoded decoded;
  std::vector<std::string_view> pieces;
  while (decoded.read < wire.size() && !decoder.finished()) {
    std::string_view part = wire.substr(decoded.read, step);
    const std::size_t size = part.size();
    pieces.clear();
    decoder.feed(part, pieces);
    for (const std::string_view piece : pieces) decoded.text += piece;
    decoded.read += size - part.size();
  }
  decoded.finished = decoder.finished();
  decoded.may_have_dotted_line = decoder.may_have_dotted_line();
  decoded.refused = decoder.has_bare_line_end() || decoder.has_nul();
  return decoded;
}

/// What goes to an upstream: lines are looked at only if one may begin with a dot.
std::string send(const Decoded& content) {
  ContentEncoder encoder;
  std::vector<std::string_view> views;
  if (content.may_have_dotted_line) {
    encoder.feed(content.text, views);
  } else {
    encoder.pass(content.text, views);
  }
  encoder.finish(views);
  std::string wire;
  for (const std::string_view view : views) wire += view;
  return wire;
}

void for_each_sequence(const std::function<void(std::string_view)>& look) {
  std::string sequence;
  const std::function<void()> extend = [&] {
    look(sequence);
    if (sequence.size() == kLongest) return;
    for (const char c : kOctets) {
      sequence.push_back(c);
      extend();
      sequence.pop_back();
    }
  };
  extend();
}

TEST(Smuggling, TheEndIsExactlyCrlfDotCrlf) {
  std::size_t sequences = 0;
  for_each_sequence([&](std::string_view sequence) {
    ++sequences;
    const std::string wire = std::string(kBefore).append(sequence).append(kAfter).append(kEnd);
    const std::size_t end = wire.find(kEnd) + kEnd.size();
    for (const BareLineEnds bare : {BareLineEnds::kRefused, BareLineEnds::kMended}) {
      const Decoded whole = decode(wire, wire.size(), bare);
      ASSERT_TRUE(whole.finished) << testing::PrintToString(sequence);
      ASSERT_EQ(whole.read, end) << testing::PrintToString(sequence);
      ASSERT_EQ(decode(wire, 1, bare), whole) << testing::PrintToString(sequence);
    }
  });
  EXPECT_EQ(sequences, 19531u);  // 1 + 5 + … + 5⁶
}

// What is read otherwise by anybody is refused or, with bare CRs and LFs mended, comes out in a
// form that is read alike by everybody.
TEST(Smuggling, NoServerReadsAnEndBeforeTheEnd) {
  std::size_t fooled = 0;
  std::size_t mended = 0;
  for_each_sequence([&](std::string_view sequence) {
    const std::string wire = std::string(kBefore).append(sequence).append(kAfter).append(kEnd);
    bool ambiguous = false;
    const std::size_t end = wire.find(kEnd) + kEnd.size();
    for (const auto& server : support::kLenientServers) {
      ambiguous |= support::end_of_data(wire, server) != end;
    }
    fooled += ambiguous ? 1 : 0;
    for (const BareLineEnds bare : {BareLineEnds::kRefused, BareLineEnds::kMended}) {
      const Decoded content = decode(wire, wire.size(), bare);
      if (ambiguous && bare == BareLineEnds::kRefused) {
        ASSERT_TRUE(content.refused) << testing::PrintToString(sequence);
      }
      if (content.refused) continue;
      mended += ambiguous ? 1 : 0;
      const std::string out = send(content);
      for (const auto& server : support::kLenientServers) {
        ASSERT_EQ(support::end_of_data(out, server), out.size())
            << server.name << ": " << testing::PrintToString(sequence);
      }
    }
  });
  EXPECT_GT(fooled, 1000u);  // the servers are as lenient as they are meant to be
  EXPECT_GT(mended, 100u);
}

// What is found in the wild and in scanners: CVE-2023-51764, -51765, -51766 and their kin.
TEST(Smuggling, KnownFormsFoolSomebodyAndNotUs) {
  const std::string forms[] = {
      "\n.\n",         "\n.\r\n",     "\r\n.\n",    "\r.\r\n",        "\r\n.\r",
      "\r.\r",         "\n.\r",       "\r.\n",      "\n\n.\r\n",      "\r\n\n.\r\n",
      "\r\n\0.\r\n"s,  "\r\n\0.\r"s,  "\r\n\0.\n"s, "\r\n.\0\r\n"s,   "\r\n.\r\r\n",
      "\r\r\n.\r\r\n", "\r\n\r.\r\n", "\n\r.\r\n",  "\0\r\n.\0\r\n"s, "\n.\0\n"s,
  };
  for (const std::string& form : forms) {
    const std::string wire = std::string(kBefore).append(form).append(kAfter).append(kEnd);
    EXPECT_TRUE(std::ranges::any_of(support::kLenientServers, [&](const auto& server) {
      return support::end_of_data(wire, server) == kBefore.size() + form.size();
    })) << testing::PrintToString(form);
    const Decoded content = decode(wire, wire.size(), BareLineEnds::kRefused);
    EXPECT_TRUE(content.refused) << testing::PrintToString(form);
    EXPECT_EQ(content.read, wire.size()) << testing::PrintToString(form);
  }
}

}  // namespace
}  // namespace sallyport::smtp
