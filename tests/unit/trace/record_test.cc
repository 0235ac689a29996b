#include "proxy/trace/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sallyport::trace {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

Record example() {
  Record record{.id = "0ABC",
                .message_id = "<1@example.com>",
                .user = "billing",
                .client = "192.0.2.7",
                .listener = "[::]:465",
                .ehlo = "app-7",
                .from = "invoices@example.com",
                .to = {"a@example.net", "b@example.net"},
                .recipients = 3,
                .size = 1834,
                .result = "delivered",
                .code = 250,
                .reply = "250 Ok 0102",
                .upstream = "ses",
                .upstream_id = "0102",
                .ended = WallTime(std::chrono::milliseconds(1'764'510'896'045)),
                .began = TimePoint(10s),
                .total = 48120us};
  record.steps.push_back({TimePoint(8500ms), "login", "billing by PLAIN"});
  record.steps.push_back({TimePoint(10s + 20ms), "MAIL", "250 Ok"});
  return record;
}

TEST(RecordText, IsAHeadAndTheStepsWithTheirTimes) {
  EXPECT_EQ(to_text(example()),
            "id          0ABC\n"
            "message-id  <1@example.com>\n"
            "ended       2025-11-30T13:54:56.045Z\n"
            "result      delivered\n"
            "client      192.0.2.7 (app-7) at [::]:465\n"
            "user        billing\n"
            "from        invoices@example.com\n"
            "to          a@example.net, b@example.net and 1 more\n"
            "size        1834 octets\n"
            "upstream    ses\n"
            "its id      0102\n"
            "reply       250 Ok 0102\n"
            "took        0.048120 s\n"
            "     -1.500000  login       billing by PLAIN\n"
            "      0.020000  MAIL        250 Ok\n");
}

TEST(RecordText, SaysWhatWasNotKept) {
  Record record = example();
  record.steps_left_out = 7;
  EXPECT_THAT(to_text(record), HasSubstr("7 more steps were not kept\n"));
}

TEST(RecordText, LetsNobodyWriteToTheTerminal) {
  Record record = example();
  record.steps.push_back(
      {record.began, "end", "550 \x1b[2J\r\nid   FORGED \xc2\x9b \xe2\x80\xae \xff ü"});
  const std::string text = to_text(record);
  EXPECT_THAT(text, HasSubstr("550 ?[2J??id   FORGED ? ? ? ü\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nid   FORGED")));
}

TEST(RecordJson, HasEveryFieldAndValidText) {
  Record record = example();
  record.steps.push_back({record.began, "end", "a \"b\" \\ \n \xff"});
  EXPECT_EQ(to_json(record),
            R"({"id":"0ABC","message_id":"<1@example.com>","ended":"2025-11-30T13:54:56.045Z",)"
            R"("result":"delivered","cause":"","error":"","client":"192.0.2.7","ehlo":"app-7",)"
            R"("listener":"[::]:465","user":"billing","from":"invoices@example.com",)"
            R"("to":["a@example.net","b@example.net"],"recipients":3,"size":1834,)"
            R"("upstream":"ses","upstream_id":"0102","code":250,"reply":"250 Ok 0102",)"
            R"("total_time":0.048120,"steps":[)"
            R"({"at":-1.500000,"step":"login","words":"billing by PLAIN"},)"
            R"({"at":0.020000,"step":"MAIL","words":"250 Ok"},)"
            R"({"at":0.000000,"step":"end","words":"a \"b\" \\ \u000a \ufffd"}],)"
            R"("steps_left_out":0})");
}

}  // namespace
}  // namespace sallyport::trace
