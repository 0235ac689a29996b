// Whatever goes into a line, of whatever length: it is one line that a strict reader understands,
// and that says what went in.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/base/utf8.h"
#include "tests/support/log_lines.h"

namespace sallyport::log {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kWhen{1'764'600'000'123ms};

/// The value as a reader must find it: octets that are not UTF-8 are question marks.
std::string readable(std::string_view value) {
  std::string text;
  for (std::size_t i = 0; i < value.size();) {
    const std::size_t size = utf8::sequence(value.substr(i));
    text += size == 0 ? std::string_view("?") : value.substr(i, size);
    i += std::max<std::size_t>(size, 1);
  }
  return text;
}

/// Values as peers make them: of any octets, of UTF-8, of one octet again and again.
class Values {
 public:
  explicit Values(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string next(std::size_t size) {
    static constexpr std::string_view kPieces[] = {"\"",
                                                   "\\",
                                                   "\n",
                                                   "\r\n",
                                                   std::string_view("\0", 1),
                                                   "=",
                                                   " ",
                                                   "a",
                                                   "\xc3\xbc",
                                                   "\x7f",
                                                   "\xc2\x85",
                                                   "\xe2\x80\xa8",
                                                   "\xff",
                                                   "\x1b",
                                                   "\xf0\x9f\x98\x80",
                                                   "\xe2\x80\xae"};
    std::string value;
    const std::size_t kind = below(4);
    const std::string_view repeated = kPieces[below(std::size(kPieces))];
    while (value.size() < size) {
      if (kind == 0) value += static_cast<char>(below(256));
      if (kind == 1) value += kPieces[below(std::size(kPieces))];
      if (kind == 2) value += static_cast<char>('a' + below(26));
      if (kind == 3) value += repeated;
    }
    value.resize(size);
    return value;
  }

 private:
  std::mt19937 random_;
};

/// Holds one finished line against what went in.
void expect_line(Format format, const std::string& text, const std::vector<std::string>& values) {
  ASSERT_LE(text.size(), kMostLine);
  ASSERT_EQ(text.find('\n'), text.size() - 1);
  const auto line =
      support::parse_log_line(format, std::string_view(text).substr(0, text.size() - 1));
  ASSERT_TRUE(line) << line.error() << "\n" << text;
  const std::string cut = "," + support::value_of(*line, "cut") + ",";
  EXPECT_EQ(support::value_of(*line, "event"), "e");
  bool whole = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string key = "v" + std::to_string(i);
    const std::string read = support::value_of(*line, key);
    const std::string meant = readable(values[i]);
    if (read == meant) continue;
    whole = false;
    EXPECT_TRUE(meant.starts_with(read)) << key;
    EXPECT_TRUE(cut.contains("," + key + ",") || cut.size() > 100) << key << " is not in " << cut;
  }
  EXPECT_EQ(whole, cut == ",,") << cut;
}

class AnyLine : public testing::TestWithParam<Format> {};

TEST_P(AnyLine, OfOneValueOfAnyLength) {
  Values values(1);
  std::vector<std::size_t> sizes;
  // Each length around the growth of the line and its cut, then some up to 64 KiB.
  for (std::size_t size = 0; size < 2200; size += 1 + values.below(3)) sizes.push_back(size);
  for (std::size_t size = 2200; size <= 65536; size += 1 + values.below(6000))
    sizes.push_back(size);
  sizes.push_back(65536);
  for (const std::size_t size : sizes) {
    const std::string value = values.next(size);
    Line line(GetParam(), Level::kInfo, "e", kWhen);
    line.field("v0", value);
    expect_line(GetParam(), std::move(line).finish(), {value});
    if (HasFatalFailure()) return;
  }
}

TEST_P(AnyLine, OfManyValues) {
  Values values(2);
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> all;
    Line line(GetParam(), Level::kInfo, "e", kWhen);
    const std::size_t count = 1 + values.below(30);
    const std::size_t longest = std::size_t{1} << values.below(17);
    for (std::size_t i = 0; i < count; ++i) {
      all.push_back(values.next(values.below(longest)));
      line.field("v" + std::to_string(i), all.back());
    }
    line.field("last", 1u);
    expect_line(GetParam(), std::move(line).finish(), all);
    if (HasFatalFailure()) return;
  }
}

TEST_P(AnyLine, OfNumbersWithoutEnd) {
  Line line(GetParam(), Level::kInfo, "e", kWhen);
  for (int i = 0; i < 2000; ++i) {
    line.field("number_" + std::to_string(i), i).field("time_" + std::to_string(i), Duration(1us));
  }
  const std::string text = std::move(line).finish();
  EXPECT_EQ(support::fault_of_log(GetParam(), text), "");
  EXPECT_TRUE(text.contains("cut"));
}

// A line that outgrows its first memory has nothing in it but its fields.
TEST_P(AnyLine, HoldsNoMemoryOfOthers) {
  for (std::size_t size = 600; size < 1400; size += 7) {
    {
      std::string freed = std::string(2 * size, 's');
    }
    Line line(GetParam(), Level::kInfo, "e", kWhen);
    line.field("a", std::string(size, 'a')).field("b", std::string(size, 'b'));
    const std::string text = std::move(line).finish();
    ASSERT_EQ(support::fault_of_log(GetParam(), text), "");
    ASSERT_FALSE(text.contains("sss"));
  }
}

INSTANTIATE_TEST_SUITE_P(BothFormats, AnyLine, testing::Values(Format::kLogfmt, Format::kJson),
                         [](const auto& which) {
                           return which.param == Format::kJson ? "Json" : "Logfmt";
                         });

TEST(LogLine, NamesTheFieldsThatAreNotWhole) {
  Line line(Format::kLogfmt, Level::kInfo, "e", kWhen);
  line.field("long", std::string(3000, 'x')).field("short", "y");
  const std::string text = std::move(line).finish();
  EXPECT_TRUE(text.ends_with(std::string(kMostText, 'x') + " short=y cut=long\n")) << text;
}

TEST(LogLine, WhatSomeReadersTakeForALineEndIsEscaped) {
  Line line(Format::kLogfmt, Level::kInfo, "e", kWhen);
  line.field("text", "a\xc2\x85z\xe2\x80\xa8\xe2\x80\xae");
  EXPECT_TRUE(std::move(line).finish().ends_with("text=\"a\\u0085z\\u2028\\u202e\"\n"));
}

}  // namespace
}  // namespace sallyport::log
