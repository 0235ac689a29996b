#include "proxy/admin/http_response.h"

#include <gtest/gtest.h>

namespace sallyport::admin {
namespace {

const WallTime kNow{std::chrono::seconds(1'700'000'000)};

TEST(Response, HasAHeadThatAllReadersUnderstand) {
  EXPECT_EQ(head_of({.body = "ok\n"}, true, kNow),
            "HTTP/1.1 200 OK\r\n"
            "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 3\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: keep-alive\r\n"
            "\r\n");
}

TEST(Response, RefusalsSayWhyAndWhatIsAllowed) {
  struct Case {
    HttpError refusal;
    const char* status_line;
    bool allow;
  };
  const Case cases[] = {
      {HttpError::kBadRequest, "HTTP/1.1 400 Bad Request\r\n", false},
      {HttpError::kMethodNotAllowed, "HTTP/1.1 405 Method Not Allowed\r\n", true},
      {HttpError::kTooLarge, "HTTP/1.1 431 Request Header Fields Too Large\r\n", false},
      {HttpError::kVersion, "HTTP/1.1 505 HTTP Version Not Supported\r\n", false},
  };
  for (const auto& [refusal, status_line, allow] : cases) {
    const auto head = head_of(refuse(refusal), false, kNow);
    EXPECT_TRUE(head.starts_with(status_line)) << head;
    EXPECT_EQ(head.contains("\r\nAllow: GET, HEAD\r\n"), allow) << head;
    EXPECT_TRUE(head.contains("\r\nConnection: close\r\n")) << head;
  }
}

}  // namespace
}  // namespace sallyport::admin
