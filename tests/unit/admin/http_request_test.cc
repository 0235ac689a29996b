#include "proxy/admin/http_request.h"

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::admin {
namespace {

/// What a parser makes of `wire`, in pieces of `size`: "GET /path keep", "HEAD / close", "400", or
/// "more" when it waits for octets.
std::vector<std::string> parse(std::string_view wire, std::size_t size) {
  RequestParser parser;
  std::vector<std::string> all;
  for (std::size_t at = 0; at < wire.size(); at += size) {
    parser.append(wire.substr(at, size));
    while (true) {
      const auto request = parser.next();
      if (!request) {
        all.push_back(std::to_string(std::to_underlying(request.error())));
        return all;
      }
      const auto& whole = *request;
      if (!whole.has_value()) break;
      const auto& [method, path, query, keep_alive] = *whole;
      all.push_back((method == Method::kGet ? "GET " : "HEAD ") + path +
                    (query.empty() ? "" : '?' + query) + (keep_alive ? " keep" : " close"));
    }
  }
  if (!parser.empty()) all.emplace_back("more");
  return all;
}

struct Case {
  const char* what;
  std::string wire;
  std::vector<std::string> requests;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"what Prometheus sends",
       "GET /metrics HTTP/1.1\r\nHost: x:9465\r\nUser-Agent: Prometheus/2.42.0\r\n"
       "Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n"
       "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n",
       {"GET /metrics keep"}},
      {"what kubelet sends",
       "GET /readyz HTTP/1.1\r\nHost: 10.0.0.1:9465\r\nConnection: close\r\n\r\n",
       {"GET /readyz close"}},
      {"two at once",
       "GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /livez HTTP/1.1\r\nhost:x\r\n\r\n",
       {"GET / keep", "HEAD /livez keep"}},
      {"HTTP/1.0 closes, unless asked not to",
       "GET / HTTP/1.0\r\nConnection: Foo, Keep-Alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
       {"GET / keep", "GET / close"}},
      {"a query",
       "GET /metrics?name[]=x?y HTTP/1.1\r\nHost: x\r\n\r\n",
       {"GET /metrics?name[]=x?y keep"}},
      {"absolute-form",
       "GET HTTP://x:1/livez?a HTTP/1.1\r\nHost: x\r\n\r\n",
       {"GET /livez?a keep"}},
      {"absolute-form with a query only",
       "GET http://x?a=b HTTP/1.1\r\nHost: x\r\n\r\n",
       {"GET /?a=b keep"}},
      {"absolute-form without a path", "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", {"GET / keep"}},
      {"absolute-form without a host", "GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
      {"an empty line before a request",
       "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n",
       {"GET / keep"}},
      {"an empty body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {"GET / keep"}},
      {"half a request", "GET / HTTP/1.1\r\nHost: x\r\n", {"more"}},

      {"other methods", "POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", {"405"}},
      {"methods are case-sensitive", "get / HTTP/1.1\r\nHost: x\r\n\r\n", {"405"}},
      {"asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
      {"authority-form", "CONNECT x:25 HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
      {"a body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", {"400"}},
      {"a chunked body",
       "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
       {"400"}},
      {"no Host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", {"400"}},
      {"no header fields", "GET / HTTP/1.1\r\n\r\n", {"400"}},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", {"400"}},
      {"a folded line", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", {"400"}},
      {"a space before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", {"400"}},
      {"no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", {"400"}},
      {"a bare LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", {"400"}},
      {"a bare CR", "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", {"400"}},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
      {"HTTP/0.9", "GET /\r\n\r\n", {"400"}},
      {"HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"505"}},
      {"a TLS handshake, before it ends", std::string("\x16\x03\x01\x02\x00\x01", 6), {"400"}},
      {"SMTP", "EHLO client.example\r\n\r\n", {"400"}},
      {"a target that is not visible", "GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
      {"a fragment", "GET /#x HTTP/1.1\r\nHost: x\r\n\r\n", {"400"}},
      {"more than a request may be", "GET / HTTP/1.1\r\nHost: " + std::string(8200, 'x'), {"431"}},
      {"the same when it ends",
       "GET / HTTP/1.1\r\nHost: " + std::string(8200, 'x') + "\r\n\r\n",
       {"431"}},
  };
  return all;
}

TEST(RequestParser, UnderstandsOrRefuses) {
  for (const auto& test : cases()) EXPECT_EQ(parse(test.wire, 100'000), test.requests) << test.what;
}

TEST(RequestParser, AnySplitGivesTheSame) {
  for (const auto& test : cases()) {
    for (const std::size_t size : {1u, 2u, 3u, 5u, 17u, 4096u}) {
      EXPECT_EQ(parse(test.wire, size), test.requests) << test.what << ", pieces of " << size;
    }
  }
}

TEST(RequestParser, TakesARequestOfExactlyTheLimit) {
  const std::string front = "GET / HTTP/1.1\r\nHost: ";
  const std::string back = "\r\n\r\n";
  const std::string host(RequestParser::kMostOctets - front.size() - back.size(), 'x');
  EXPECT_EQ(parse(front + host + back, 1000), std::vector<std::string>{"GET / keep"});
  EXPECT_EQ(parse(front + host + "x" + back, 1000), std::vector<std::string>{"431"});
}

TEST(HttpRequest, AQuerysParametersAreFoundAndUnescaped) {
  const Request request{.path = "/trace",
                        .query = "user=bill+ing&to=a%40example.net&empty=&flag&bad=%4&id=1&id=2"};
  EXPECT_EQ(parameter(request, "user"), "bill ing");
  EXPECT_EQ(parameter(request, "to"), "a@example.net");
  EXPECT_EQ(parameter(request, "empty"), "");
  EXPECT_EQ(parameter(request, "flag"), "");
  EXPECT_EQ(parameter(request, "id"), "1");
  EXPECT_EQ(parameter(request, "bad"), std::nullopt);
  EXPECT_EQ(parameter(request, "us"), std::nullopt);
}

}  // namespace
}  // namespace sallyport::admin
