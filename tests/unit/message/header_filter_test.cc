#include "proxy/message/header_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace sallyport::message {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Filtered {
  std::string kept;
  HeaderFacts facts;
  std::uint64_t size = 0;
  std::vector<std::string> from;  // "error" if there are too many
  std::string message_id;

  bool operator==(const Filtered&) const = default;
};

std::vector<std::string> fields(const HeaderFilter& filter, Author author) {
  const auto values = filter.fields(author);
  if (!values) return {"error"};
  return {values->begin(), values->end()};
}

/// Filters `content` cut at `cuts` (ascending). Each piece is memory of its own that is gone after
/// its call, so that AddressSanitizer sees a view that lives too long.
Filtered filter(std::string_view content, const std::vector<std::size_t>& cuts = {},
                const config::HeaderRules& rules = {}) {
  HeaderFilter filter(rules);
  Filtered result;
  std::vector<std::string_view> kept;
  const auto take = [&] {
    for (const auto view : kept) result.kept += view;
    kept.clear();
  };
  std::size_t begin = 0;
  const auto feed = [&](std::size_t end) {
    const auto piece = std::make_unique<char[]>(end - begin);
    content.copy(piece.get(), end - begin, begin);
    filter.feed(std::string_view(piece.get(), end - begin), kept);
    take();
    begin = end;
  };
  for (const auto cut : cuts) feed(cut);
  feed(content.size());
  filter.finish(kept);
  take();
  EXPECT_TRUE(filter.complete());
  result.facts = filter.facts();
  result.size = filter.size();
  result.from = fields(filter, Author::kFrom);
  result.message_id = filter.message_id();
  return result;
}

struct Case {
  const char* what;
  std::string_view given;
  std::string_view kept;
  HeaderFacts facts = {};
  config::HeaderRules rules = {};
};

const Case kCases[] = {
    {.what = "an ordinary message passes byte for byte",
     .given = "Date: x\r\nFrom: a@b.example\r\nMessage-ID: <1@b>\r\nSubject:  s \r\n\r\nbody\r\n",
     .kept = "Date: x\r\nFrom: a@b.example\r\nMessage-ID: <1@b>\r\nSubject:  s \r\n\r\nbody\r\n",
     .facts = {.has_date = true, .has_message_id = true, .from_fields = 1}},
    {.what = "nothing at all", .given = "", .kept = ""},
    {.what = "Bcc is taken out, whatever its case, with its folded lines",
     .given = "To: a@b\r\nbCC: c@d,\r\n e@f,\r\n\tg@h\r\nSubject: s\r\n\r\nx",
     .kept = "To: a@b\r\nSubject: s\r\n\r\nx",
     .facts = {.bcc_fields = 1}},
    {.what = "Bcc is taken out at the top, at the bottom, and twice in a row",
     .given = "Bcc: a\r\nBcc: b\r\nTo: c\r\nBcc:\r\n\r\nx",
     .kept = "To: c\r\n\r\nx",
     .facts = {.bcc_fields = 3}},
    {.what = "so is Resent-Bcc, and nothing else of its block",
     .given = "Resent-To: a\r\nResent-Bcc: b\r\nResent-From: c\r\n\r\n",
     .kept = "Resent-To: a\r\nResent-From: c\r\n\r\n",
     .facts = {.bcc_fields = 1}},
    {.what = "white space before the colon is an old form of the same field",
     .given = "Bcc \t: a\r\nFrom : b@c\r\n\r\n",
     .kept = "From : b@c\r\n\r\n",
     .facts = {.from_fields = 1, .bcc_fields = 1}},
    {.what = "names that only begin or end like Bcc are others",
     .given = "Bcc2: a\r\nX-Bcc: b\r\nBc: c\r\n\r\n",
     .kept = "Bcc2: a\r\nX-Bcc: b\r\nBc: c\r\n\r\n"},
    {.what = "Bcc in the body is text",
     .given = "To: a\r\n\r\nBcc: b\r\n",
     .kept = "To: a\r\n\r\nBcc: b\r\n"},
    {.what = "Bcc in a folded line is part of that line",
     .given = "Subject: x\r\n Bcc: b\r\n\r\n",
     .kept = "Subject: x\r\n Bcc: b\r\n\r\n"},
    {.what = "a folded line of white space only does not end the header section",
     .given = "Bcc: a\r\n \r\n b\r\nDate: x\r\n\r\n",
     .kept = "Date: x\r\n\r\n",
     .facts = {.has_date = true, .bcc_fields = 1}},
    {.what = "no header section: the body is set off by an empty line",
     .given = "Hello, world\r\nhow are you\r\n",
     .kept = "\r\nHello, world\r\nhow are you\r\n",
     .facts = {.separator_added = true}},
    {.what = "a header section that no empty line ends is ended by one",
     .given = "Subject: x\r\nHello\r\n\r\nFrom: ceo@b\r\n\r\n",
     .kept = "Subject: x\r\n\r\nHello\r\n\r\nFrom: ceo@b\r\n\r\n",
     .facts = {.separator_added = true}},
    {.what = "fields that follow its end belong to it, so it is broken",
     .given = "Subject: x\r\nHello\r\nBcc: ceo@b\r\n\r\n",
     .kept = "Subject: x\r\n\r\nHello\r\nBcc: ceo@b\r\n\r\n",
     .facts = {.separator_added = true, .broken_line = 2}},
    {.what = "lines are counted folded ones and removed ones included",
     .given = "Bcc: x,\r\n y\r\nTo: z\r\nHello\r\nthere\r\nBcc : ceo@b\r\n\r\n",
     .kept = "To: z\r\n\r\nHello\r\nthere\r\nBcc : ceo@b\r\n\r\n",
     .facts = {.bcc_fields = 1, .separator_added = true, .broken_line = 4}},
    {.what = "a byte order mark is no part of a name",
     .given = "\xef\xbb\xbf"
              "From: a@b\r\nTo: c\r\n\r\n",
     .kept = "\r\n\xef\xbb\xbf"
             "From: a@b\r\nTo: c\r\n\r\n",
     .facts = {.separator_added = true, .broken_line = 1}},
    {.what = "nor is it text, if nothing but a field stands behind it",
     .given = "\xef\xbb\xbf"
              "Bcc: a@b\r\n\r\ntext",
     .kept = "\r\n\xef\xbb\xbf"
             "Bcc: a@b\r\n\r\ntext",
     .facts = {.separator_added = true, .broken_line = 1}},
    {.what = "a name that is not ASCII is a damaged one",
     .given = "To: x\r\nBetr\xc3\xa9"
              "ff: a\r\n\r\n",
     .kept = "To: x\r\n\r\nBetr\xc3\xa9"
             "ff: a\r\n\r\n",
     .facts = {.separator_added = true, .broken_line = 2}},
    {.what = "text that goes on behind an empty line is text whatever it looks like",
     .given = "Hello\r\n\r\nBcc: a\r\n",
     .kept = "\r\nHello\r\n\r\nBcc: a\r\n",
     .facts = {.separator_added = true}},
    {.what = "the line of an mbox file is taken out",
     .given = "From a@b Mon Sep 17 00:00:00 2001\r\nFrom: a@b\r\nBcc: c@d\r\n\r\nx",
     .kept = "From: a@b\r\n\r\nx",
     .facts = {.from_fields = 1, .bcc_fields = 1, .mbox_lines = 1}},
    {.what = "in each of its forms, and wherever fields follow",
     .given = "Bcc: x\r\n>From a@b\r\n>>from c  Mon\r\nTo: y\r\nFROM\tz\r\nDate: d\r\n\r\nx",
     .kept = "To: y\r\nDate: d\r\n\r\nx",
     .facts = {.has_date = true, .bcc_fields = 1, .mbox_lines = 3}},
    {.what = "alone before the empty line it is known by its date",
     .given = "From - Mon Sep 17 00:00:00 2001\r\n\r\nx",
     .kept = "\r\nx",
     .facts = {.mbox_lines = 1}},
    {.what = "and before the end",
     .given = "From a@b  Mon Sep 17 00:00:00 2001\r\n",
     .kept = "",
     .facts = {.mbox_lines = 1}},
    {.what = "text that begins like it is text",
     .given = "From now on\r\nwe meet at noon\r\n",
     .kept = "\r\nFrom now on\r\nwe meet at noon\r\n",
     .facts = {.separator_added = true}},
    {.what = "and before an empty line",
     .given = "From now on\r\n\r\nwe: meet at noon\r\n",
     .kept = "\r\nFrom now on\r\n\r\nwe: meet at noon\r\n",
     .facts = {.separator_added = true}},
    {.what = "and at the end",
     .given = "To: x\r\nFrom now on\r\n",
     .kept = "To: x\r\n\r\nFrom now on\r\n",
     .facts = {.separator_added = true}},
    {.what = "no line goes on with that of an mbox file",
     .given = "From a@b Mon Sep 17\r\n To: x\r\nBcc: y\r\n\r\n",
     .kept = "\r\n To: x\r\nBcc: y\r\n\r\n",
     .facts = {.separator_added = true, .mbox_lines = 1, .broken_line = 2}},
    {.what = "From with white space before its colon is a field",
     .given = "From : a@b\r\n\r\n",
     .kept = "From : a@b\r\n\r\n",
     .facts = {.from_fields = 1}},
    {.what = "the same after a field that is taken out",
     .given = "Bcc: a\r\nHello\r\n",
     .kept = "\r\nHello\r\n",
     .facts = {.bcc_fields = 1, .separator_added = true}},
    {.what = "a first line that is folded continues nothing",
     .given = " From: a@b\r\n\r\n",
     .kept = "\r\n From: a@b\r\n\r\n",
     .facts = {.separator_added = true, .broken_line = 1}},
    {.what = "an empty line at once: no fields",
     .given = "\r\nFrom: a@b\r\n",
     .kept = "\r\nFrom: a@b\r\n"},
    {.what = "a name with a space or an octet above 127 is none",
     .given = "To: x\r\nFr om: a@b\r\n",
     .kept = "To: x\r\n\r\nFr om: a@b\r\n",
     .facts = {.separator_added = true}},
    {.what = "nor is an empty one",
     .given = "To: x\r\n: a@b\r\n",
     .kept = "To: x\r\n\r\n: a@b\r\n",
     .facts = {.separator_added = true}},
    {.what = "a lone CR or LF ends no line",
     .given = "Bcc: a\nDate: b\rDate: c\r\r\nTo: x\r\n\r\n",
     .kept = "To: x\r\n\r\n",
     .facts = {.bcc_fields = 1}},
    {.what = "a CR that begins a line and is alone ends the header section",
     .given = "To: x\r\n\rFrom: a@b\r\n",
     .kept = "To: x\r\n\r\n\rFrom: a@b\r\n",
     .facts = {.separator_added = true}},
    {.what = "content may end inside the header section",
     .given = "To: x\r\nBcc: y\r\nDate: z",
     .kept = "To: x\r\nDate: z",
     .facts = {.has_date = true, .bcc_fields = 1}},
    {.what = "or inside a name",
     .given = "To: x\r\nBc",
     .kept = "To: x\r\n\r\nBc",
     .facts = {.separator_added = true}},
    {.what = "or inside the empty line",
     .given = "To: x\r\n\r",
     .kept = "To: x\r\n\r\n\r",
     .facts = {.separator_added = true}},
    {.what = "Received fields are counted: they tell of loops",
     .given = "Received: a\r\nReceived: b\r\n\tc\r\nRECEIVED: d\r\n\r\nReceived: e\r\n",
     .kept = "Received: a\r\nReceived: b\r\n\tc\r\nRECEIVED: d\r\n\r\nReceived: e\r\n",
     .facts = {.received_fields = 3}},
    {.what = "so are From fields: there should be one",
     .given = "From: a@b\r\nFROM: c@d\r\n\r\n",
     .kept = "From: a@b\r\nFROM: c@d\r\n\r\n",
     .facts = {.from_fields = 2}},
    {.what = "what the rules say is taken out, whatever its case, with its folded lines",
     .given = "X-Originating-IP: [192.0.2.1]\r\nTo: a\r\nUSER-AGENT: x\r\n "
              "y\r\n\tz\r\n\r\nUser-Agent: x",
     .kept = "To: a\r\n\r\nUser-Agent: x",
     .facts = {.removed_fields = 2},
     .rules = {.remove = {"X-Originating-IP", "User-Agent"}}},
    {.what = "names that only begin like those of the rules are others",
     .given = "X-Mail: a\r\nX-Mailers: b\r\nX-Mailes: c\r\nX-Mailer : d\r\n\r\n",
     .kept = "X-Mail: a\r\nX-Mailers: b\r\nX-Mailes: c\r\n\r\n",
     .facts = {.removed_fields = 1},
     .rules = {.remove = {"X-Mailer"}}},
    {.what = "what is added is not the client's to choose",
     .given = "X-Env: mine\r\nTo: a\r\nx-env: and mine\r\n\r\n",
     .kept = "To: a\r\n\r\n",
     .facts = {.removed_fields = 2},
     .rules = {.add = {{"X-Env", "production"}}}},
    {.what = "Date and Message-ID that are taken out are missing",
     .given = "Date: x\r\nMessage-ID: <1@b>\r\nTo: a\r\n\r\n",
     .kept = "To: a\r\n\r\n",
     .facts = {.removed_fields = 2},
     .rules = {.remove = {"Message-Id", "date"}}},
    {.what = "Received fields that are taken out are counted",
     .given = "Received: a\r\nTo: x\r\nReceived: b\r\n c\r\n\r\n",
     .kept = "To: x\r\n\r\n",
     .facts = {.received_fields = 2, .removed_fields = 2, .removes_received = true},
     .rules = {.remove = {"Received"}}},
    {.what = "so are those that were taken out before, and the note of it is ours to write",
     .given = "X-Received-Removed: 40\r\nReceived: a\r\nX-Received-Removed:\r\n 2\r\n\r\n",
     .kept = "\r\n",
     .facts = {.received_fields = 1,
               .received_before = 42,
               .removed_fields = 1,
               .removes_received = true},
     .rules = {.remove = {"Received"}}},
    {.what = "where nothing is taken out, the note of it stays",
     .given = "X-Received-Removed: 99999999999999999999\r\nReceived: a\r\n\r\n",
     .kept = "X-Received-Removed: 99999999999999999999\r\nReceived: a\r\n\r\n",
     .facts = {.received_fields = 1, .received_before = 1'000'000}},
    {.what = "a block of Resent fields stays whole, but for its Bcc",
     .given =
         "Resent-Date: x\r\nResent-From: a@b\r\nResent-Bcc: c@d,\r\n e@f\r\nResent-Message-ID: "
         "<2@b>\r\nDate: y\r\nFrom: g@h\r\nMessage-ID: <1@h>\r\n\r\n",
     .kept = "Resent-Date: x\r\nResent-From: a@b\r\nResent-Message-ID: "
             "<2@b>\r\nDate: y\r\nFrom: g@h\r\nMessage-ID: <1@h>\r\n\r\n",
     .facts = {.has_date = true, .has_message_id = true, .from_fields = 1, .bcc_fields = 1}},
    {.what = "Resent-Date and Resent-Message-ID are not Date and Message-ID",
     .given = "Resent-Date: x\r\nResent-Message-ID: <2@b>\r\nResent-From: a@b\r\n\r\n",
     .kept = "Resent-Date: x\r\nResent-Message-ID: <2@b>\r\nResent-From: a@b\r\n\r\n"},
    {.what = "octets above 127 in a value are octets like others",
     .given = "Subject: gr\xc3\xbc\xc3\x9f\r\n \xff\r\nBcc: \xe4@b\r\n\r\n\xe4",
     .kept = "Subject: gr\xc3\xbc\xc3\x9f\r\n \xff\r\n\r\n\xe4",
     .facts = {.bcc_fields = 1}},
    {.what = "a body line that looks like a field is none, after an empty line",
     .given = "To: a\r\n\r\nReceived: b\r\nX-Env: c\r\nFrom: d@e\r\n",
     .kept = "To: a\r\n\r\nReceived: b\r\nX-Env: c\r\nFrom: d@e\r\n",
     .rules = {.remove = {"X-Env"}}},
};

std::string show(const HeaderFacts& facts) {
  return "date " + std::to_string(facts.has_date) + ", id " + std::to_string(facts.has_message_id) +
         ", from " + std::to_string(facts.from_fields) + ", received " +
         std::to_string(facts.received_fields) + ", bcc " + std::to_string(facts.bcc_fields) +
         ", before " + std::to_string(facts.received_before) + ", removed " +
         std::to_string(facts.removed_fields) + ", removes received " +
         std::to_string(facts.removes_received) + ", separator " +
         std::to_string(facts.separator_added) + ", mbox " + std::to_string(facts.mbox_lines) +
         ", broken " + std::to_string(facts.broken_line);
}

TEST(HeaderFilter, KeepsDropsAndLearns) {
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.what);
    const auto result = filter(test.given, {}, test.rules);
    EXPECT_EQ(result.kept, test.kept);
    EXPECT_EQ(show(result.facts), show(test.facts));
  }
}

TEST(HeaderFilter, AnySplitGivesTheSame) {
  std::mt19937 random(1);
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.what);
    const auto whole = filter(test.given, {}, test.rules);
    std::vector<std::size_t> each;
    for (std::size_t cut = 0; cut <= test.given.size(); ++cut) {
      EXPECT_EQ(filter(test.given, {cut}, test.rules), whole) << "cut at " << cut;
      each.push_back(cut);
    }
    EXPECT_EQ(filter(test.given, each, test.rules), whole) << "octet by octet";
    for (int round = 0; round < 50; ++round) {
      std::vector<std::size_t> some;
      for (const auto cut : each) {
        if (random() % 4 == 0) some.push_back(cut);
      }
      EXPECT_EQ(filter(test.given, some, test.rules), whole);
    }
  }
}

TEST(HeaderFilter, AMboxLineThatIsTooLongIsTextFromTheSameOctetOn) {
  const std::string content = "From a@b " + std::string(5000, 'x') + "\r\n";
  const auto whole = filter(content);
  EXPECT_EQ(whole.kept, "\r\n" + content);
  for (const std::size_t cut : {4u, 5u, 9u, 4095u, 4096u, 4097u, 5000u}) {
    EXPECT_EQ(filter(content, {cut}), whole) << "cut at " << cut;
  }
}

TEST(HeaderFilter, ASecondPassChangesNothing) {
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.what);
    const auto once = filter(test.given, {}, test.rules);
    const auto twice = filter(once.kept, {}, test.rules);
    EXPECT_EQ(twice.kept, once.kept);
    EXPECT_EQ(twice.facts.bcc_fields, 0u);
    EXPECT_EQ(twice.facts.removed_fields, 0u);
    EXPECT_FALSE(twice.facts.separator_added);
  }
}

TEST(HeaderFilter, PassesAWholeMessageAsOneView) {
  const std::string_view content = "From: a@b\r\nSubject: s\r\n\r\nbody\r\n";
  HeaderFilter filter;
  std::vector<std::string_view> kept;
  filter.feed(content, kept);
  filter.finish(kept);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].data(), content.data());  // the octets themselves, not a copy
  EXPECT_EQ(kept[0], content);
}

TEST(HeaderFilter, ALineTooLongForANameIsNoField) {
  const std::string longest(HeaderFilter::kMostName, 'n');
  EXPECT_FALSE(filter(longest + ": x\r\n\r\n").facts.separator_added);
  EXPECT_TRUE(filter(longest + "n: x\r\n\r\n").facts.separator_added);
  EXPECT_TRUE(filter(longest + "n: x\r\n\r\n", {500}).facts.separator_added);
}

TEST(HeaderFilter, GivesTheValuesOfAllAuthorFields) {
  HeaderFilter filter;
  std::vector<std::string_view> kept;
  filter.feed(
      "Resent-From: r@x.example\r\nResent-Sender: s@x.example\r\nFrom: A <a@x.example>,\r\n b@y\r\n"
      "RESENT-FROM: older@z.example\r\nSender:\r\nFrom: c\r\n\r\nSender: body\r\n",
      kept);
  EXPECT_THAT(fields(filter, Author::kFrom), ElementsAre(" A <a@x.example>,\r\n b@y", " c"));
  EXPECT_THAT(fields(filter, Author::kResentFrom), ElementsAre(" r@x.example", " older@z.example"));
  EXPECT_THAT(fields(filter, Author::kResentSender), ElementsAre(" s@x.example"));
  EXPECT_THAT(fields(filter, Author::kSender), ElementsAre(""));

  HeaderFilter none;
  none.feed("From: a@y.example\r\n\r\nSender: a@b\r\n", kept);
  for (const Author author : {Author::kSender, Author::kResentFrom, Author::kResentSender}) {
    EXPECT_FALSE(none.has(author));
    EXPECT_THAT(fields(none, author), IsEmpty());
  }
}

TEST(HeaderFilter, SaysWhenTheAuthorsAreTooMany) {
  const std::string much(HeaderFilter::kMostAuthorOctets, 'x');
  EXPECT_THAT(filter("From: " + much + " <a@b.example>\r\n\r\n").from, ElementsAre("error"));
  std::string many;
  for (int i = 0; i < 17; ++i) many += "From: a@b.example\r\n";
  EXPECT_THAT(filter(many).from, ElementsAre("error"));
  EXPECT_EQ(filter(many).facts.from_fields, 17u);
}

TEST(HeaderFilter, AuthorsThatAreTakenOutAreNobody) {
  const config::HeaderRules rules{.remove = {"Sender", "Resent-From"}};
  HeaderFilter filter(rules);
  std::vector<std::string_view> kept;
  filter.feed("Sender: a@b.example\r\nResent-From: c@d.example\r\n\r\n", kept);
  EXPECT_FALSE(filter.has(Author::kSender));
  EXPECT_FALSE(filter.has(Author::kResentFrom));
}

TEST(HeaderFilter, TooManyAuthorsAreNotLookedInto) {
  std::string many;
  for (int i = 0; i < 17; ++i) many += "Resent-From: a@b.example\r\n";
  const Filtered result = filter("From: a@b.example\r\n" + many + "\r\n");
  EXPECT_THAT(result.from, ElementsAre("error"));
}

TEST(HeaderFilter, SaysHowLongTheHeaderSectionIs) {
  EXPECT_EQ(filter("To: a\r\n\r\nbody").size, 8u);  // up to the CR of the empty line
  EXPECT_EQ(filter("Bcc: a\r\nTo: b\r\n\r\nbody").size, 16u);
  EXPECT_EQ(filter("To: a\r\n").size, 7u);
  EXPECT_EQ(filter("\r\nbody").size, 1u);
  EXPECT_EQ(filter("no field\r\n" + std::string(9000, 'x')).size, 3u);
  HeaderFilter filter;
  std::vector<std::string_view> kept;
  for (int i = 1; i <= 100; ++i) {
    filter.feed("X: " + std::string(997, 'x'), kept);
    EXPECT_EQ(filter.size(), 1000u * static_cast<unsigned>(i));
  }
}

// However many rules there are, and whatever is removed, what stays is not copied.
TEST(HeaderFilter, WithRulesItStillGivesViews) {
  const config::HeaderRules rules{.remove = {"X-Mailer"}, .add = {{"X-Env", "production"}}};
  const std::string_view content = "From: a@b\r\nX-Mailer: x\r\nTo: c\r\n\r\nbody\r\n";
  HeaderFilter filter(rules);
  std::vector<std::string_view> kept;
  filter.feed(content, kept);
  filter.finish(kept);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].data(), content.data());
  EXPECT_EQ(kept[1].data(), content.data() + content.find("To:"));
}

TEST(HeaderFilter, GivesTheMessageIdForTheLog) {
  EXPECT_EQ(filter("Message-ID: <1@b.example> \r\n\r\n").message_id, "<1@b.example>");
  EXPECT_EQ(filter("message-id:\r\n <1@b.example>\r\nMessage-ID: <2@c>\r\n\r\n").message_id,
            "<1@b.example>");
  EXPECT_EQ(filter("Subject: x\r\n\r\nMessage-ID: <1@b>\r\n").message_id, "");
  EXPECT_EQ(filter("Message-ID: <" + std::string(2000, 'x') + ">\r\n\r\n").message_id, "");
}

}  // namespace
}  // namespace sallyport::message
