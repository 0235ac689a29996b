// HTTP CONNECT and SOCKS5 octet by octet, and proxies that say no, something else or nothing.
#include "proxy/net/tunnel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/runtime/loop.h"
#include "proxy/runtime/task_group.h"
#include "tests/support/memory_stream.h"

namespace sallyport::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using runtime::Loop;
using runtime::Task;
using support::MemoryStream;
using testing::HasSubstr;
using Kind = TunnelSettings::Kind;

/// What we say next, and what the proxy answers.
struct Turn {
  std::string said;
  std::string answer;
};

struct Outcome {
  Result<void> opened;
  std::string first_octets;  // of the host behind the proxy
  std::string fault;         // what we said, and should not have
};

Task<void> play(Loop& loop, MemoryStream& stream, std::vector<Turn> turns, std::string& fault) {
  for (const Turn& turn : turns) {
    std::string heard;
    while (heard.size() < turn.said.size()) {
      const auto octets = co_await stream.read(loop.after(1h));
      if (!octets) co_return;
      heard += *octets;
    }
    if (heard != turn.said) fault = heard;
    (void)co_await stream.write(turn.answer, loop.after(1h));
  }
}

Task<void> open(Loop& loop, MemoryStream& stream, const TunnelSettings& settings,
                const std::string& host, Outcome& outcome) {
  outcome.opened = co_await open_tunnel(stream, settings, host, 465, loop.after(10s));
  if (outcome.opened) {
    while (!outcome.first_octets.ends_with('\n')) {
      const auto octets = co_await stream.read(loop.after(1s));
      if (!octets) break;
      outcome.first_octets += *octets;
    }
  }
  stream.abort();
}

Outcome run(Kind kind, std::vector<Turn> turns, const std::string& host = "smtp.example",
            const std::string& username = "", std::size_t piece = support::kUnlimited) {
  const TunnelSettings settings{.kind = kind, .username = username, .password = Secret("pass")};
  Loop loop(runtime::Time::kVirtual);
  Outcome outcome;
  const auto main = [](Loop& l, std::vector<Turn> all, std::size_t most,
                       const TunnelSettings& chosen, const std::string& target,
                       Outcome& into) -> Task<void> {
    auto [ours, theirs] = MemoryStream::pair(l, {.piece = most});
    runtime::TaskGroup group(l);
    group.spawn(play(l, *theirs, std::move(all), into.fault));
    group.spawn(open(l, *ours, chosen, target, into));
    (void)co_await group.join();
  };
  loop.run(main(loop, std::move(turns), piece, settings, host, outcome));
  EXPECT_EQ(outcome.fault, "");
  return outcome;
}

const std::string kConnect = "CONNECT smtp.example:465 HTTP/1.1\r\nHost: smtp.example:465\r\n";
const std::string kGreeting = "220 smtp.example ESMTP\r\n";
const std::string kNameRequest = "\x05\x01\x00\x03\x0csmtp.example\x01\xd1"s;

TEST(Tunnel, ConnectGivesTheStreamOfTheHost) {
  for (const std::size_t piece : {std::size_t{1}, support::kUnlimited}) {
    const Outcome outcome = run(
        Kind::kHttp,
        {{kConnect + "\r\n", "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n" + kGreeting}},
        "smtp.example", "", piece);
    EXPECT_TRUE(outcome.opened);
    EXPECT_EQ(outcome.first_octets, kGreeting);
  }
}

TEST(Tunnel, ConnectLogsIn) {
  const Outcome outcome = run(
      Kind::kHttp,
      {{kConnect + "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"}},
      "smtp.example.", "user");  // a dot at the end is ours alone
  EXPECT_TRUE(outcome.opened);
}

TEST(Tunnel, AnIpv6LiteralHasBracketsInHttp) {
  const Outcome outcome =
      run(Kind::kHttp,
          {{"CONNECT [2001:db8::1]:465 HTTP/1.1\r\nHost: [2001:db8::1]:465\r\n\r\n",
            "HTTP/1.1 200 \r\n\r\n"}},
          "2001:db8::1");
  EXPECT_TRUE(outcome.opened);
}

TEST(Tunnel, HttpProxiesThatSayNo) {
  const struct {
    const char* answer;
    ErrorCode code;
    const char* words;
  } cases[] = {
      {"HTTP/1.1 403 Forbidden\r\n\r\n", ErrorCode::kNetwork,
       "the proxy does not connect us to smtp.example:465: 403 Forbidden"},
      {"HTTP/1.1 407 Proxy Authentication Required\r\nX: y\r\n\r\n", ErrorCode::kNetwork,
       "the proxy refuses our login: 407 Proxy Authentication Required"},
      {"SSH-2.0-OpenSSH_9.2\r\n", ErrorCode::kProtocol, "does not speak HTTP: it said \"SSH-2.0"},
      {"HTTP/1.1\r\n\r\n", ErrorCode::kProtocol, "does not speak HTTP"},
      {"", ErrorCode::kTimeout, "the proxy: "},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.answer);
    const Outcome outcome = run(Kind::kHttp, {{kConnect + "\r\n", c.answer}});
    ASSERT_FALSE(outcome.opened);
    EXPECT_EQ(outcome.opened.error().code, c.code);
    EXPECT_THAT(outcome.opened.error().text, HasSubstr(c.words));
  }
}

TEST(Tunnel, AnAnswerWithoutEndIsNotReadForEver) {
  const Outcome outcome =
      run(Kind::kHttp, {{kConnect + "\r\n", "HTTP/1.1 200 OK\r\n" + std::string(20'000, 'x')}});
  ASSERT_FALSE(outcome.opened);
  EXPECT_EQ(outcome.opened.error().code, ErrorCode::kProtocol);
}

TEST(Tunnel, Socks5GivesTheStreamOfTheHost) {
  for (const std::size_t piece : {std::size_t{1}, support::kUnlimited}) {
    for (const std::string& bound :
         {"\x01\x7f\x00\x00\x01\x04\x38"s, "\x04"s + std::string(16, '\x01') + "\x04\x38",
          "\x03\x02gw\x04\x38"s}) {
      const Outcome outcome =
          run(Kind::kSocks5,
              {{"\x05\x01\x00"s, "\x05\x00"s}, {kNameRequest, "\x05\x00\x00"s + bound + kGreeting}},
              "smtp.example", "", piece);
      EXPECT_TRUE(outcome.opened);
      EXPECT_EQ(outcome.first_octets, kGreeting);
    }
  }
}

TEST(Tunnel, Socks5LogsIn) {
  const Outcome outcome = run(Kind::kSocks5,
                              {{"\x05\x02\x00\x02"s, "\x05\x02"s},
                               {"\x01\x04user\x04pass"s, "\x01\x00"s},
                               {kNameRequest, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s}},
                              "smtp.example", "user");
  EXPECT_TRUE(outcome.opened);
}

TEST(Tunnel, Socks5ProxiesThatSayNo) {
  const struct {
    std::string username;
    std::vector<Turn> turns;
    ErrorCode code;
    const char* words;
  } cases[] = {
      {"", {{"\x05\x01\x00"s, "\x05\xff"s}}, ErrorCode::kNetwork, "the proxy wants a login"},
      {"user",
       {{"\x05\x02\x00\x02"s, "\x05\x02"s}, {"\x01\x04user\x04pass"s, "\x01\x01"s}},
       ErrorCode::kNetwork,
       "the proxy refuses our login"},
      {"",
       {{"\x05\x01\x00"s, "\x05\x00"s}, {kNameRequest, "\x05\x02\x00\x01"s}},
       ErrorCode::kNetwork,
       "smtp.example:465: its rules do not allow the connection"},
      {"",
       {{"\x05\x01\x00"s, "\x05\x00"s}, {kNameRequest, "\x05\x05\x00\x01"s}},
       ErrorCode::kNetwork,
       "connection refused"},
      {"", {{"\x05\x01\x00"s, "HTTP/1.1 400\r\n"s}}, ErrorCode::kProtocol, "not speak SOCKS5"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.words);
    const Outcome outcome = run(Kind::kSocks5, c.turns, "smtp.example", c.username);
    ASSERT_FALSE(outcome.opened);
    EXPECT_EQ(outcome.opened.error().code, c.code);
    EXPECT_THAT(outcome.opened.error().text, HasSubstr(c.words));
  }
}

}  // namespace
}  // namespace sallyport::net
