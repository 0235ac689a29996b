// Which port of an upstream is tried first, and what is said of those that are blocked.
#include "proxy/relay/ports.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "proxy/relay/dialer.h"
#include "proxy/runtime/tcp.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using config::TlsMode;
using runtime::Loop;
using runtime::Task;
using Numbers = std::vector<std::uint16_t>;

const TimePoint kNow = TimePoint(1h);

config::Upstream automatic(std::vector<config::UpstreamPort> ports) {
  config::Upstream made = upstream("a");
  made.host = "127.0.0.1";
  made.port = ports.front().number;
  made.tls = ports.front().tls;
  made.ports = std::move(ports);
  return made;
}

Numbers numbers(const std::vector<config::UpstreamPort>& ports) {
  Numbers all;
  for (const config::UpstreamPort& port : ports) all.push_back(port.number);
  return all;
}

TEST(Ports, TheOneThatWorkedIsFirstAndThoseThatFailedAreLast) {
  Ports ports(automatic(
      {{465, TlsMode::kImplicit}, {587, TlsMode::kStarttls}, {2587, TlsMode::kStarttls}}));
  EXPECT_TRUE(ports.are_several());
  EXPECT_EQ(numbers(ports.in_order(0, kNow)), (Numbers{465, 587, 2587}));
  EXPECT_EQ(numbers(ports.in_order(2587, kNow)), (Numbers{2587, 465, 587}));
  ports.failed(465, kNow);
  EXPECT_EQ(numbers(ports.in_order(2587, kNow)), (Numbers{2587, 587, 465}));
  EXPECT_EQ(numbers(ports.in_order(465, kNow)), (Numbers{587, 2587, 465}));
  EXPECT_EQ(numbers(ports.in_order(2587, kNow + 5min)), (Numbers{2587, 465, 587}));
  ports.succeeded(465);
  EXPECT_EQ(numbers(ports.in_order(0, kNow)), (Numbers{465, 587, 2587}));
}

TEST(Ports, OneOfItsSettingsIsTheOnlyOne) {
  const Ports ports(upstream("a"));
  EXPECT_FALSE(ports.are_several());
  EXPECT_EQ(numbers(ports.in_order(0, kNow)), Numbers{465});
}

TEST(Ports, StatesAreWordsOfPortScanners) {
  EXPECT_EQ(state_of_port({ErrorCode::kTimeout, "x"}, false), "filtered");
  EXPECT_EQ(state_of_port({ErrorCode::kNetwork, "connecting: Connection refused"}, false),
            "refused");
  EXPECT_EQ(state_of_port({ErrorCode::kNetwork, "No route to host"}, false), "unreachable");
  EXPECT_EQ(state_of_port({ErrorCode::kNetwork, "403 Forbidden"}, true), "refused by the proxy");
  const std::vector<BlockedPort> blocked = {{465, "filtered"}, {587, "refused"}};
  EXPECT_EQ(list_blocked(blocked), "465 filtered, 587 refused");
}

/// A port of the loopback interface that refuses connections, or takes them.
std::uint16_t port_of(const runtime::TcpListener& listener) { return listener.local().port(); }

TEST(Ports, ARefusedPortIsPassedOverAndTheNextOneRemembered) {
  Loop loop;
  auto closed =
      runtime::TcpListener::listen(loop, runtime::SocketAddress::parse("127.0.0.1", 0).value());
  auto open =
      runtime::TcpListener::listen(loop, runtime::SocketAddress::parse("127.0.0.1", 0).value());
  ASSERT_TRUE(closed && open);
  const std::uint16_t refused = port_of(**closed);
  const std::uint16_t works = port_of(**open);
  closed->reset();

  const auto dialer =
      make_net_dialer(loop, automatic({{refused, TlsMode::kNone}, {works, TlsMode::kNone}}), {})
          .value();
  std::vector<std::string> found;
  dialer->findings = std::make_shared<Findings>();
  dialer->port_found = [&](std::uint16_t port, const std::string& blocked) {
    found.push_back(std::to_string(port) + ": " + blocked);
  };
  const auto dial = [](Loop& l, Dialer& d, Tried& tried) -> Task<bool> {
    const auto stream = co_await d.connect_next(tried, l.after(10s));
    if (stream) d.spoke(tried, true);
    co_return stream.has_value();
  };
  for (int i = 0; i < 2; ++i) {
    Tried tried;
    EXPECT_TRUE(loop.run(dial(loop, *dialer, tried)));
    ASSERT_TRUE(tried.port);
    EXPECT_EQ(tried.port->number, works);
    EXPECT_EQ(tried.blocked.size(), i == 0 ? 1u : 0u);
  }
  EXPECT_EQ(dialer->findings->working_port(), works);
  EXPECT_EQ(found,
            std::vector{std::to_string(works) + ": " + std::to_string(refused) + " refused"});

  open->reset();
  const auto fails = [](Loop& l, Dialer& d) -> Task<std::string> {
    Tried tried;
    const auto stream = co_await d.connect_next(tried, l.after(10s));
    co_return stream ? "" : stream.error().text;
  };
  EXPECT_TRUE(loop.run(fails(loop, *dialer))
                  .ends_with("(ports: " + std::to_string(works) + " refused, " +
                             std::to_string(refused) + " refused)"));
}

}  // namespace
}  // namespace sallyport::relay
