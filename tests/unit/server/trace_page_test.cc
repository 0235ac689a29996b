#include "proxy/server/trace_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/server/admin_client.h"

namespace sallyport::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

trace::Record record(const std::string& id, const std::string& user) {
  trace::Record record;
  record.id = id;
  record.user = user;
  record.to = {"a@example.net"};
  record.result = "delivered";
  return record;
}

class TracePage : public testing::Test {
 protected:
  admin::Response ask(const std::string& query) {
    return trace_page(recent_).make({.path = "/trace", .query = query});
  }

  trace::Recent recent_;
};

TEST_F(TracePage, SaysThatNothingIsTracedOrFound) {
  EXPECT_EQ(ask("").status, 404);
  EXPECT_EQ(ask("").body, "messages are not traced: admin.trace is 0\n");
  recent_.set_capacity(10);
  EXPECT_EQ(ask("id=1").status, 404);
  EXPECT_THAT(ask("id=1").body, HasSubstr("no such message"));
}

TEST_F(TracePage, FindsWhatIsAskedForInEachFormat) {
  recent_.set_capacity(10);
  recent_.add(record("1A", "billing"));
  recent_.add(record("2B", "shop"));
  EXPECT_THAT(ask("").body, HasSubstr("\n\nid          2B\n"));
  EXPECT_THAT(ask("last=1").body, Not(HasSubstr("1A")));
  EXPECT_THAT(ask("user=billing").body, HasSubstr("id          1A\n"));
  EXPECT_THAT(ask("to=a%40example.net&id=2b").body, Not(HasSubstr("1A")));
  const admin::Response json = ask("format=json");
  EXPECT_EQ(json.content_type, "application/x-ndjson");
  EXPECT_THAT(json.body, HasSubstr("}\n{\"id\":\"2B\""));
  EXPECT_EQ(ask("last=x").status, 400);
}

TEST(AdminClient, EscapesWhatAQueryCannotHold) {
  EXPECT_EQ(escaped("a-b_c.~9"), "a-b_c.~9");
  EXPECT_EQ(escaped("<1+2@x&y>"), "%3C1%2B2%40x%26y%3E");
  const admin::Request request{.path = "/trace", .query = "id=" + escaped("<1+2@x&y =%>\xff")};
  EXPECT_EQ(admin::parameter(request, "id"), "<1+2@x&y =%>\xff");
}

TEST(AdminClient, SaysThatNobodyListens) {
  const auto answer = ask_admin("/nonexistent/admin.sock", "/trace");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(answer.error().text,
              HasSubstr("/nonexistent/admin.sock: no sallyport listens there"));
  EXPECT_EQ(ask_admin(std::string(200, 'x'), "/").error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace sallyport::server
