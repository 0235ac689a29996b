#include "proxy/base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

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

TEST(Logger, WritesEverythingBeforeItDies) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  {
    Logger logger({.format = Format::kLogfmt, .least = Level::kInfo, .descriptor = pipe_ends[1]});
    logger.write(Level::kDebug, "hidden", {});
    for (int i = 0; i < 10; ++i) logger.write(Level::kInfo, "shown", {{"n", std::to_string(i)}});
  }
  ::close(pipe_ends[1]);
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(::read(pipe_ends[0], text.data(), text.size())));
  ::close(pipe_ends[0]);
  EXPECT_EQ(std::ranges::count(text, '\n'), 10);
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(text.find("event=shown n=9\n"), std::string::npos);
}

TEST(Logger, DropsAndCountsWhenNobodyReads) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  std::string drained(1 << 20, '\0');
  {
    Logger logger({.descriptor = pipe_ends[1], .most_buffered = 4096});
    const std::string text(1000, 'x');
    for (int i = 0; i < 200; ++i) logger.write(Level::kInfo, "e", {{"text", text}});
    EXPECT_GT(logger.dropped(), 0u);
    ::close(pipe_ends[0]);  // the writer gets EPIPE and lets go
    std::signal(SIGPIPE, SIG_IGN);
  }
  ::close(pipe_ends[1]);
}

TEST(Logger, WithoutABufferDropsEveryLine) {
  Logger logger({.most_buffered = 0});
  logger.write(Level::kInfo, "dropped", {});
  logger.write(Level::kError, "dropped", {});
  logger.write(Level::kDebug, "below the least", {});
  EXPECT_EQ(logger.dropped(), 2u);
}

TEST(Logger, StampsLinesByItsClock) {
  const Logger logger(
      {.most_buffered = 0, .clock = [] { return WallTime(std::chrono::seconds(1767323045)); }});
  const std::string text = logger.line(Level::kInfo, "stamped").finish();
  EXPECT_TRUE(text.starts_with("time=2026-01-02T03:04:05.")) << text;
}

}  // namespace
}  // namespace sallyport::log
