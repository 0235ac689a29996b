// What transcripts cannot see of content: what is known of it besides its octets, and what it costs
// to take it.
#include "proxy/submission/content.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::submission {
namespace {

using namespace std::string_literals;
using metrics::Unfit;

struct Taken {
  bool has_8bit = false;
  bool has_8bit_header = false;
  std::optional<Unfit> unfit = {};
  int code = 0;  ///< Of the refusal.

  bool operator==(const Taken&) const = default;
};

Taken take(std::string_view wire, std::size_t step, const config::Listener& listener,
           const config::Message& settings) {
  message::Budget budget(1u << 20);
  Content content(budget, settings, listener, std::nullopt);
  while (!wire.empty()) {
    const std::string bytes(wire.substr(0, step));
    wire.remove_prefix(bytes.size());
    std::string_view part = bytes;
    content.feed(part);
  }
  EXPECT_TRUE(content.finished());
  const auto refusal = content.refusal();
  return {.has_8bit = content.has_8bit(),
          .has_8bit_header = content.has_8bit_header(),
          .unfit = content.unfit(),
          .code = refusal ? refusal->code : 0};
}

/// However the octets are split, what is known is the same.
Taken take(std::string_view wire, const config::Listener& listener = {},
           const config::Message& settings = {}) {
  const Taken whole = take(wire, wire.size(), listener, settings);
  for (std::size_t step = 1; step < 20; ++step) {
    EXPECT_EQ(take(wire, step, listener, settings), whole) << step;
  }
  return whole;
}

TEST(Content, KnowsAnOctetAbove127InTheHeaderSection) {
  EXPECT_EQ(take("Subject: x\r\n\r\ny\r\n.\r\n"), Taken());
  EXPECT_EQ(take("Subject: \xe4\r\n\r\ny\r\n.\r\n"),
            (Taken{.has_8bit = true, .has_8bit_header = true}));
  EXPECT_EQ(take("Subject: x\r\n \xc3\xa4\r\n\r\n.\r\n"),
            (Taken{.has_8bit = true, .has_8bit_header = true}));
  EXPECT_EQ(take("Subject: x\r\n\r\n\xe4\r\n.\r\n"), (Taken{.has_8bit = true}));
  EXPECT_EQ(take("Subject: x\r\nno field\xe4\r\n.\r\n"), (Taken{.has_8bit = true}));
  EXPECT_EQ(take("\xe4: x\r\n.\r\n"),  // no name, so no field
            (Taken{.has_8bit = true, .unfit = Unfit::kHeaderForm, .code = 554}));
  EXPECT_EQ(take("From \xe4 Mon\r\nSubject: x\r\n\r\ny\r\n.\r\n"), Taken());
}

// RFC 6532 is about what is sent: a Bcc in UTF-8 makes no message internationalized.
TEST(Content, CountsNoOctetAbove127OfWhatIsTakenOut) {
  EXPECT_EQ(take("Bcc: \xc3\xa4 <a@example.net>\r\nSubject: x\r\n\r\ny\r\n.\r\n"), Taken());
  EXPECT_EQ(take("Subject: x\r\nResent-Bcc: a,\r\n \xe4\r\n\r\ny\r\n.\r\n"), Taken());
  EXPECT_EQ(take("Bcc: \xe4\r\n.\r\n"), Taken());
  EXPECT_EQ(take("Bcc: \xe4\r\nSubject: \xe4\r\n\r\n.\r\n"),
            (Taken{.has_8bit = true, .has_8bit_header = true}));
  EXPECT_EQ(take("Subject: \xe4\r\nBcc: \xe4\r\n\r\n.\r\n"),
            (Taken{.has_8bit = true, .has_8bit_header = true}));
  EXPECT_EQ(take("Bcc: \xe4\r\nSubject: x\r\n\r\n\xe4\r\n.\r\n"), (Taken{.has_8bit = true}));
  EXPECT_EQ(take("Bcc: \xe4\r\nno field\xe4\r\n.\r\n"), (Taken{.has_8bit = true}));

  config::Listener listener;
  listener.header = {.remove = {"X-Note"}, .add = {{.name = "Organization", .text = "Us"}}};
  EXPECT_EQ(take("x-note: \xe4\r\nOrganization: \xe4\r\n\r\ny\r\n.\r\n", listener), Taken());
  EXPECT_EQ(take("X-Note: \xe4\r\nX-Notes: \xe4\r\n\r\ny\r\n.\r\n", listener),
            (Taken{.has_8bit = true, .has_8bit_header = true}));
}

TEST(Content, SaysFirstWhatMakesItUnfitForAll) {
  const config::Message small{.max_size = 10, .max_header_size = 1024};
  EXPECT_EQ(take("a\nb and more\r\n.\r\n", {}, small).unfit, Unfit::kLineEnds);
  EXPECT_EQ(take("a\0b and more\r\n.\r\n"s, {}, small).unfit, Unfit::kNul);
  EXPECT_EQ(take("ab and more of it\r\n.\r\n", {}, small), (Taken{.code = 552}));
  EXPECT_EQ(take("Received: a\n\r\n.\r\n").unfit, Unfit::kLineEnds);
  std::string loop;
  for (int i = 0; i < 101; ++i) loop += "Received: a\r\n";
  EXPECT_EQ(take(loop + "\r\n.\r\n"), (Taken{.unfit = Unfit::kLoop, .code = 554}));
  EXPECT_EQ(take(loop + "\r\n\0\r\n.\r\n"s).unfit, Unfit::kNul);
}

TEST(Content, MendsBareLineEndsWhereTheListenerSaysSo) {
  config::Listener compat;
  compat.compat = true;
  EXPECT_EQ(take("Subject: x\n\ny\n.\nz\r\n.\r\n", compat), Taken());
  EXPECT_EQ(take("Subject: x\n\ny\rz\r\r\n.\r\n", compat), Taken());
  EXPECT_EQ(take("Subject: x\n\ny\0z\r\n.\r\n"s, compat).unfit, Unfit::kNul);
}

TEST(Content, RefusesABrokenHeaderSection) {
  const Taken broken{.unfit = Unfit::kHeaderForm, .code = 554};
  EXPECT_EQ(take("To: x\r\nHello\r\nBcc: y\r\n\r\n.\r\n"), broken);
  EXPECT_EQ(take(" Bcc: y\r\n\r\n.\r\n"), broken);
  EXPECT_EQ(take("Hello\r\nthere\r\n\r\nBcc: y\r\n.\r\n"), Taken());
  EXPECT_EQ(take("From: a\r\nfrom : b\r\n\r\n.\r\n"),
            (Taken{.unfit = Unfit::kHeaderForm, .code = 550}));
}

TEST(Content, BoundsTheHeaderSection) {
  const config::Message settings{.max_header_size = 1000};
  const std::string line = "X: " + std::string(495, 'x') + "\r\n";  // 500 octets
  const auto header = [&](std::string_view last) { return line + std::string(last) + "\r\n\r\n"; };
  const std::string body(5000, 'y');
  const std::string fits(499, 'z');
  EXPECT_EQ(take(header("Z:" + fits.substr(2 + 2)) + body + "\r\n.\r\n", {}, settings), Taken());
  EXPECT_EQ(take(header("Z:" + fits.substr(2 + 1)) + body + "\r\n.\r\n", {}, settings),
            (Taken{.unfit = Unfit::kHeaderSize, .code = 552}));
  // One that never ends, too.
  EXPECT_EQ(take(line + line + line + "\r\n.\r\n", {}, settings).unfit, Unfit::kHeaderSize);
}

// Short lines make many views. They cost memory while they are looked at, and not after.
TEST(Content, KeepsNoMoreViewsThanItNeeds) {
  config::Listener compat;
  compat.compat = true;
  message::Budget budget(1u << 20);
  Content content(budget, {}, compat, std::nullopt);
  const std::string many(16 * 1024, '\n');
  std::string_view wire = many;
  content.feed(wire);
  EXPECT_EQ(content.size(), 2 * many.size());
  EXPECT_LE(content.views_held(), Content::kMostViewsHeld);
}

}  // namespace
}  // namespace sallyport::submission
