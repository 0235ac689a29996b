// Requests to a little server on loopback. What TLS demands is shown over the wire, by
// tests/integration/oauth_test.py.
#include "proxy/http/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace sallyport::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Answers one connection with fixed octets, once the request has come; or with nothing.
class Server {
 public:
  explicit Server(std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/token"; }
  /// Only after the answer was received.
  const std::string& request() const { return request_; }

 private:
  void serve() {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    char octets[4096];
    while (!request_.contains("\r\n\r\n")) {
      const ssize_t count = ::recv(connection, octets, sizeof octets, 0);
      if (count <= 0) break;
      request_.append(octets, static_cast<std::size_t>(count));
    }
    for (std::size_t sent = 0; sent < answer_.size();) {
      const ssize_t count =
          ::send(connection, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    // An answer of nothing: until the other side gives up.
    if (answer_.empty()) (void)::recv(connection, octets, sizeof octets, 0);
    ::close(connection);
  }

  const std::string answer_;
  int listener_;
  std::uint16_t port_;
  std::string request_;
  std::thread thread_;
};

Result<Response> ask(const std::string& url, Duration at_most = 20s, std::size_t most = 1 << 20) {
  Client client;
  runtime::Loop loop;
  Request request{.method = "POST",
                  .url = url,
                  .headers = {{"Accept", "application/json"}},
                  .secret_headers = {},
                  .body = Secret("a=b"),
                  .most = most};
  request.secret_headers.emplace_back("Authorization: Basic eDp5");
  return loop.run(client.send(loop, std::move(request), loop.after(at_most)));
}

TEST(HttpClient, GivesTheAnswerOfWhateverStatus) {
  Server server(
      "HTTP/1.1 503 Busy\r\nRetry-After:  7 \r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  const auto answer = ask(server.url());
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->header("retry-after"), "7");
  EXPECT_EQ(answer->header("none"), "");
  EXPECT_EQ(answer->body, "no");
  EXPECT_THAT(server.request(), HasSubstr("POST /token HTTP/1.1\r\n"));
  EXPECT_THAT(server.request(), HasSubstr("\r\nAuthorization: Basic eDp5\r\n"));
}

TEST(HttpClient, FollowsNoRedirect) {
  Server server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  const auto answer = ask(server.url());
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->status, 302);
}

TEST(HttpClient, TakesNoProxyFromTheEnvironment) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  Server server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const auto answer = ask(server.url());
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->body, "ok");
}

TEST(HttpClient, TakesNoMoreThanItWasTold) {
  Server server("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x'));
  const auto answer = ask(server.url(), 20s, 4999);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kLimit);
  Server endless("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n");
  EXPECT_FALSE(ask(endless.url()));
}

TEST(HttpClient, TellsGarbageAndSilenceApart) {
  Server garbage("220 smtp.example.com ESMTP\r\n");
  const auto answer = ask(garbage.url());
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().code, ErrorCode::kTimeout);
  Server silent("");
  const auto nothing = ask(silent.url(), 200ms);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::kTimeout);
  const auto refused = ask("http://127.0.0.1:1/");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNetwork);
}

TEST(HttpClient, SendsNothingInClear) {
  const auto answer = ask("http://login.example.com/token");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalid);
}

TEST(HttpClient, EndsWhatIsUnderWayWhenItEnds) {
  Server silent("");
  runtime::Loop loop;
  std::optional<Client> client(std::in_place);
  const auto ask_and_end = [](runtime::Loop& on, std::optional<Client>& of,
                              std::string url) -> runtime::Task<Result<Response>> {
    of->cut_off();
    co_return co_await of->send(on, {.url = std::move(url)}, on.after(30s));
  };
  const auto answer = loop.run(ask_and_end(loop, client, silent.url()));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace sallyport::http
