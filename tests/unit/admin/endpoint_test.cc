#include "proxy/admin/endpoint.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/admin/monitoring.h"

namespace sallyport::admin {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::SocketAddress;
using runtime::Task;
using runtime::TcpListener;
using runtime::TcpStream;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// An endpoint on a port of its own, with answers that tests choose.
struct Served {
  explicit Served(Loop& loop, Endpoint::Options options = {})
      : endpoint(loop, TcpListener::listen(loop, *SocketAddress::parse("127.0.0.1", 0)).value(),
                 monitoring_pages({.metrics =
                                       [this] {
                                         scraper = std::this_thread::get_id();
                                         return page;
                                       },
                                   .live = [this] { return live; },
                                   .ready = [this] { return ready; }}),
                 options) {}

  std::string page = "# page\n";
  std::thread::id scraper;
  Result<void> live;
  Result<void> ready;
  Endpoint endpoint;
};

Task<std::unique_ptr<TcpStream>> dial(Loop& loop, const Served& served) {
  auto stream = co_await runtime::connect(loop, served.endpoint.local(), loop.after(5s));
  co_return std::move(stream.value());
}

/// Reads until the peer ends or says nothing for `patience`; what happened is at the end.
Task<std::string> hear(Loop& loop, TcpStream& stream, Duration patience = 200ms) {
  std::string all;
  while (true) {
    const auto octets = co_await stream.read(loop.after(patience));
    if (!octets) co_return all + "[" + std::string(name(octets.error().code)) + "]";
    all += *octets;
  }
}

/// One connection: sends `request`, gives all that comes back.
Task<std::string> ask(Loop& loop, const Served& served, std::string request) {
  const auto stream = co_await dial(loop, served);
  EXPECT_TRUE(co_await stream->write(request, loop.after(5s)));
  co_return co_await hear(loop, *stream);
}

std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

/// Runs `test` beside an endpoint, then stops it; all must have ended by then.
template <class Test>
void beside_endpoint(Test test, Endpoint::Options options = {}) {
  Loop loop;
  Served served(loop, options);
  const auto main = [](Loop& l, Served& s, Test& t) -> Task<void> {
    s.endpoint.start();
    co_await t(l, s);
    co_await s.endpoint.stop();
  };
  loop.run(main(loop, served, test));
}

TEST(Endpoint, ServesTheMetricsFromTheThreadPool) {
  beside_endpoint([](Loop& loop, Served& served) -> Task<void> {
    const auto heard = co_await ask(loop, served, get("/metrics", "Connection: close\r\n"));
    EXPECT_THAT(heard, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(heard, HasSubstr("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    EXPECT_THAT(heard, EndsWith("\r\n\r\n# page\n[closed]"));
    EXPECT_NE(served.scraper, std::this_thread::get_id());
  });
}

TEST(Endpoint, ProbesSayYesOrWhyNot) {
  beside_endpoint([](Loop& loop, Served& served) -> Task<void> {
    for (const char* path : {"/livez", "/readyz"}) {
      const auto heard = co_await ask(loop, served, get(path));
      EXPECT_THAT(heard, StartsWith("HTTP/1.1 200 "));
      EXPECT_THAT(heard, EndsWith("\r\n\r\nok\n[timeout]"));  // kept alive
    }
    served.live = fail(ErrorCode::kTimeout, "worker 1 has not turned for 30 s");
    served.ready = fail(ErrorCode::kCancelled, "draining");
    const auto live = co_await ask(loop, served, get("/livez"));
    EXPECT_THAT(live, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_THAT(live, EndsWith("\r\n\r\nworker 1 has not turned for 30 s\n[timeout]"));
    const auto ready = co_await ask(loop, served, get("/readyz"));
    EXPECT_THAT(ready, EndsWith("\r\n\r\ndraining\n[timeout]"));
  });
}

TEST(Endpoint, AnswersEverythingElseProperly) {
  beside_endpoint([](Loop& loop, Served& served) -> Task<void> {
    const auto index = co_await ask(loop, served, get("/"));
    EXPECT_THAT(index, HasSubstr("/readyz"));
    const auto missing = co_await ask(loop, served, get("/favicon.ico"));
    EXPECT_THAT(missing, StartsWith("HTTP/1.1 404 Not Found\r\n"));
    const auto post =
        co_await ask(loop, served, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    EXPECT_THAT(post, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(post, EndsWith("[closed]"));
    const auto nonsense = co_await ask(loop, served, "EHLO x\r\n\r\n");
    EXPECT_THAT(nonsense, StartsWith("HTTP/1.1 400 "));
    const auto large = co_await ask(loop, served, "GET / HTTP/1.1\r\nA: " + std::string(9000, 'x'));
    EXPECT_THAT(large, StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(large, EndsWith("[closed]"));
  });
}

TEST(Endpoint, HeadIsGetWithoutTheBody) {
  beside_endpoint([](Loop& loop, Served& served) -> Task<void> {
    const auto heard = co_await ask(loop, served, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(heard, HasSubstr("\r\nContent-Length: 7\r\n"));
    EXPECT_THAT(heard, EndsWith("\r\n\r\n[timeout]"));
  });
}

TEST(Endpoint, AnswersPipelinedRequestsInOrderOnOneConnection) {
  beside_endpoint([](Loop& loop, Served& served) -> Task<void> {
    const auto heard = co_await ask(
        loop, served, get("/metrics") + get("/livez") + get("/nothing", "Connection: close\r\n"));
    const auto page = heard.find("# page\n");
    const auto ok = heard.find("ok\n");
    const auto missing = heard.find("404");
    EXPECT_TRUE(page < ok && ok < missing && missing != std::string::npos) << heard;
    EXPECT_THAT(heard, EndsWith("[closed]"));
  });
}

TEST(Endpoint, ClosesConnectionsThatSayNothing) {
  beside_endpoint(
      [](Loop& loop, Served& served) -> Task<void> {
        const auto silent = co_await dial(loop, served);
        EXPECT_EQ(co_await hear(loop, *silent, 2s), "[closed]");
      },
      {.idle_timeout = 50ms});
}

TEST(Endpoint, ARequestMustBeWholeInTimeHoweverOftenAnOctetComes) {
  beside_endpoint(
      [](Loop& loop, Served& served) -> Task<void> {
        const auto slow = co_await dial(loop, served);
        const TimePoint begin = loop.now();
        bool closed = false;
        for (int n = 0; n < 100 && !closed; ++n) {
          (void)co_await slow->write("G", loop.after(1s));
          const auto heard = co_await slow->read(loop.after(20ms));
          closed = !heard && heard.error().code != ErrorCode::kTimeout;
        }
        EXPECT_TRUE(closed);
        EXPECT_LT(loop.now() - begin, 1500ms);
      },
      {.request_timeout = 200ms});
}

TEST(Endpoint, ANewConnectionTakesThePlaceOfOneThatIdles) {
  beside_endpoint(
      [](Loop& loop, Served& served) -> Task<void> {
        const auto first = co_await dial(loop, served);
        EXPECT_TRUE(co_await first->write(get("/livez"), loop.after(1s)));
        EXPECT_THAT(co_await hear(loop, *first), EndsWith("ok\n[timeout]"));
        const auto second = co_await dial(loop, served);
        EXPECT_TRUE(co_await second->write(get("/livez"), loop.after(1s)));
        EXPECT_THAT(co_await hear(loop, *second), EndsWith("ok\n[timeout]"));
        EXPECT_EQ(co_await hear(loop, *first), "[closed]");
      },
      {.max_connections = 1});
}

TEST(Endpoint, HalfRequestsKeepNoProbeOut) {
  beside_endpoint(
      [](Loop& loop, Served& served) -> Task<void> {
        std::vector<std::unique_ptr<TcpStream>> halves;
        for (int i = 0; i < 40; ++i) {
          halves.push_back(co_await dial(loop, served));
          EXPECT_TRUE(co_await halves.back()->write("GET /met", loop.after(1s)));
        }
        for (int i = 0; i < 3; ++i) {
          const auto heard = co_await ask(loop, served, get("/livez", "Connection: close\r\n"));
          EXPECT_THAT(heard, EndsWith("ok\n[closed]"));
        }
        EXPECT_EQ(co_await hear(loop, *halves.front()), "[closed]");  // the oldest made room
        EXPECT_EQ(co_await hear(loop, *halves.back()), "[timeout]");
      },
      {.max_connections = 4});
}

TEST(Endpoint, ClientsThatTakeNoAnswerKeepNoProbeOut) {
  beside_endpoint(
      [](Loop& loop, Served& served) -> Task<void> {
        served.page = std::string(16 << 20, 'x');  // more than the kernel takes
        std::vector<std::unique_ptr<TcpStream>> stuck;
        for (int i = 0; i < 4; ++i) {
          stuck.push_back(co_await dial(loop, served));
          EXPECT_TRUE(co_await stuck.back()->write(get("/metrics"), loop.after(1s)));
          EXPECT_TRUE(co_await stuck.back()->read(loop.after(5s)));
        }
        const auto heard = co_await ask(loop, served, get("/livez", "Connection: close\r\n"));
        EXPECT_THAT(heard, EndsWith("ok\n[closed]"));
      },
      {.max_connections = 2});
}

TEST(Endpoint, AnswersAProbeWhenDescriptorsRunOut) {
  beside_endpoint([](Loop& loop, Served& served) -> Task<void> {
    const auto scraper = co_await dial(loop, served);
    EXPECT_TRUE(co_await scraper->write(get("/livez"), loop.after(1s)));
    EXPECT_THAT(co_await hear(loop, *scraper), EndsWith("ok\n[timeout]"));
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 3; ++i) {
      // The probe's own descriptor is the last one there is.
      const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      ::close(lowest_free);
      const rlimit tight{static_cast<rlim_t>(lowest_free + 1), before.rlim_max};
      setrlimit(RLIMIT_NOFILE, &tight);
      const auto heard = co_await ask(loop, served, get("/livez", "Connection: close\r\n"));
      setrlimit(RLIMIT_NOFILE, &before);
      EXPECT_THAT(heard, EndsWith("ok\n[closed]"));
    }
  });
}

TEST(Endpoint, AFloodOfRequestsKeepsNoProbeWaiting) {
  beside_endpoint([](Loop& loop, Served& served) -> Task<void> {
    const auto flooding = co_await dial(loop, served);
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood += get("/livez");
    EXPECT_TRUE(co_await flooding->write(flood, loop.after(1s)));
    const std::uint64_t before = loop.turns();
    const auto heard = co_await ask(loop, served, get("/livez", "Connection: close\r\n"));
    EXPECT_THAT(heard, EndsWith("ok\n[closed]"));
    EXPECT_LE(loop.turns() - before, 12u);
  });
}

TEST(Endpoint, StopEndsConnectionsThatIdle) {
  Loop loop;
  Served served(loop);
  const auto main = [](Loop& l, Served& s) -> Task<void> {
    s.endpoint.start();
    const auto idle = co_await dial(l, s);
    EXPECT_TRUE(co_await idle->write(get("/livez"), l.after(1s)));
    EXPECT_THAT(co_await hear(l, *idle), EndsWith("ok\n[timeout]"));
    co_await s.endpoint.stop();
    EXPECT_EQ(co_await hear(l, *idle), "[closed]");
  };
  loop.run(main(loop, served));
}

}  // namespace
}  // namespace sallyport::admin
