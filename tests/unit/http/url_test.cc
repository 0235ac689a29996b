#include "proxy/http/url.h"

#include <gtest/gtest.h>

namespace sallyport::http {
namespace {

TEST(Url, SecretsGoByHttpsOrNowhere) {
  for (const char* const url :
       {"https://login.example.com/token", "https://login.example.com:8443/t?x=y", "https://[::1]/",
        "http://127.0.0.1:8080/token", "http://[::1]:1/", "http://localhost/"}) {
    EXPECT_TRUE(is_safe(url)) << url;
  }
  for (const char* const url :
       {"", "https://", "http://login.example.com/", "http://127.0.0.1.example.com/",
        "http://localhost.example.com/", "https://user:pw@example.com/", "ftp://example.com/",
        "https://exam ple.com/", "https://example.com/\r\nX: y", "file:///etc/passwd",
        "example.com"}) {
    EXPECT_FALSE(is_safe(url)) << url;
  }
}

TEST(Url, NamesItsHost) {
  EXPECT_EQ(host_of("https://login.example.com:8443/t"), "login.example.com");
  EXPECT_EQ(host_of("https://[2001:db8::1]:1/t"), "2001:db8::1");
  EXPECT_EQ(host_of("https://h?q"), "h");
}

TEST(Url, EncodesForms) {
  EXPECT_EQ(form_encoded("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(form_encoded("a b&c=d+e/\xc3\xa4"), "a%20b%26c%3Dd%2Be%2F%C3%A4");
}

}  // namespace
}  // namespace sallyport::http
