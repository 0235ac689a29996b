#include "proxy/smtp/foreign.h"

#include <gtest/gtest.h>

namespace sallyport::smtp {
namespace {

TEST(Foreign, IsToldByHowALineBegins) {
  const struct {
    std::string_view octets;
    Foreign protocol;
  } cases[] = {
      {"GET / HTTP/1.1\r\n", Foreign::kHttp},
      {"GET ", Foreign::kHttp},
      {"get / http/1.0", Foreign::kHttp},
      {"POST /", Foreign::kHttp},
      {"CONNECT mail.example.com:25 HTTP/1.1", Foreign::kHttp},
      {"OPTIONS * HTTP/1.1", Foreign::kHttp},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Foreign::kHttp},
      {"PROPFIND / HTTP/1.1", Foreign::kHttp},
      {"Host: mail.example.com", Foreign::kHttp},
      {"Content-Type:text/plain", Foreign::kHttp},
      {"X-Forwarded-For:", Foreign::kHttp},
      {"\x16\x03\x01", Foreign::kTls},
      {"\x16\x03", Foreign::kTls},
      // What SMTP says, and what may still become SMTP.
      {"", Foreign::kNone},
      {"\x16", Foreign::kNone},
      {"\x16\x02", Foreign::kNone},
      {"GET", Foreign::kNone},
      {"GETTING started", Foreign::kNone},
      {"GET\r\n", Foreign::kNone},
      {"EHLO GET", Foreign::kNone},
      {"MAIL FROM:<get@example.com>", Foreign::kNone},
      {"RCPT TO:<post@example.com>", Foreign::kNone},
      {"NOOP Host: x", Foreign::kNone},
      {"AUTH PLAIN", Foreign::kNone},
      {":", Foreign::kNone},
      {" Host: x", Foreign::kNone},
      {"\xff\xfe:", Foreign::kNone},
      {"\r\nGET /", Foreign::kNone},
  };
  for (const auto& c : cases) EXPECT_EQ(foreign_protocol(c.octets), c.protocol) << c.octets;
}

}  // namespace
}  // namespace sallyport::smtp
