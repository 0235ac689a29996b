#include "proxy/base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sallyport::log {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kWhen{1'764'600'000'123ms};

TEST(LogLine, LogfmtQuotesOnlyWhatNeedsIt) {
  Line line(Format::kLogfmt, Level::kInfo, "transaction", kWhen);
  line.field("id", "a1").field("text", "two words").field("size", 42u).field("empty", "");
  EXPECT_EQ(std::move(line).finish(),
            "time=2025-12-01T14:40:00.123Z level=info event=transaction id=a1 text=\"two words\" "
            "size=42 empty=\"\"\n");
}

TEST(LogLine, JsonHasOneObjectALine) {
  Line line(Format::kJson, Level::kError, "reload", kWhen);
  line.field("ok", false).field("took", Duration(1500us)).field("n", -1);
  EXPECT_EQ(std::move(line).finish(),
            "{\"time\":\"2025-12-01T14:40:00.123Z\",\"level\":\"error\",\"event\":\"reload\","
            "\"ok\":false,\"took\":0.001500,\"n\":-1}\n");
}

TEST(LogLine, InputCannotForgeAFieldOrALine) {
  Line line(Format::kLogfmt, Level::kInfo, "e", kWhen);
  line.field("from", "x\r\nlevel=error y=\"z\"");
  EXPECT_EQ(std::move(line).finish(),
            "time=2025-12-01T14:40:00.123Z level=info event=e "
            "from=\"x\\u000d\\u000alevel=error y=\\\"z\\\"\"\n");
}

TEST(LogLine, OctetsThatAreNotUtf8BecomeQuestionMarks) {
  Line line(Format::kLogfmt, Level::kInfo, "e", kWhen);
  line.field("good", "gr\xc3\xbc\xc3\x9f").field("bad", "a\xff\xed\xa0\x80z");
  EXPECT_NE(std::move(line).finish().find("good=gr\xc3\xbc\xc3\x9f bad=a????z"), std::string::npos);
}

TEST(LogLine, TakesEveryTypeOfValueInShort) {
  const std::string text = "two words";
  const Field fields[] = {
      {"text", text}, {"number", 5},    {"negative", -5},   {"yes", true},
      {"took", 10ms}, {"literal", "x"}, {"unsigned", 1ull}, {"view", std::string_view("v")}};
  Line line(Format::kJson, Level::kInfo, "e", kWhen);
  for (const Field& field : fields) line.field(field);
  EXPECT_TRUE(std::move(line).finish().ends_with(
      ",\"text\":\"two words\",\"number\":5,\"negative\":-5,\"yes\":true,"
      "\"took\":0.010000,\"literal\":\"x\",\"unsigned\":1,\"view\":\"v\"}\n"));
}

}  // namespace
}  // namespace sallyport::log
