// The rule by which slots move between workers (ConnectionCap), simulated: several pools share the
// cap of one upstream on one loop in virtual time, and more clients than connections keep them
// busy.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/relay/pool.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "tests/unit/relay/willing.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;

class Capped {
 public:
  /// Each flight to the upstream takes `latency`; a message takes two.
  Capped(std::uint32_t cap, std::size_t workers, Duration latency)
      : latency_(latency), manner_{.late = latency}, servers_(loop) {
    upstream_.name = "a";
    upstream_.tls = config::TlsMode::kNone;
    upstream_.max_connections = cap;
    upstream_.max_messages_per_connection = 1u << 30;
    for (std::size_t i = 0; i < workers; ++i) {
      pools_.push_back(std::make_unique<Pool>(loop, upstream_, "gw.example",
                                              dial_willing(loop, servers_, count, manner_),
                                              make_credential(loop, upstream_, nullptr),
                                              caps_.of(upstream_), metrics.for_upstream("a")));
    }
  }

  ~Capped() {
    const auto end = [](Capped& capped) -> Task<void> {
      for (const auto& pool : capped.pools_) co_await pool->drain();
      (void)co_await capped.servers_.join();
    };
    loop.run(end(*this));
  }

  struct Served {
    int messages = 0;
    Duration longest_wait{};
  };

  /// `clients[i]` clients of worker i send without pause for `span`. What each worker's clients
  /// saw.
  std::vector<Served> send(const std::vector<int>& clients, Duration span) {
    std::vector<Served> served(clients.size());
    const auto main = [](Capped& capped, const std::vector<int>& all, TimePoint until,
                         std::vector<Served>& results) -> Task<void> {
      runtime::TaskGroup group(capped.loop);
      for (std::size_t i = 0; i < all.size(); ++i) {
        for (int n = 0; n < all[i]; ++n) group.spawn(capped.client(i, until, results[i]));
      }
      (void)co_await group.join();
    };
    loop.run(main(*this, clients, loop.after(span), served));
    return served;
  }

  /// One message that takes `span` once it has a connection.
  Task<void> hold(std::size_t worker, Duration span) {
    auto lease = co_await pools_[worker]->lease(loop.after(1h), {});
    EXPECT_TRUE(lease);
    if (!lease) co_return;
    co_await sleep(span);
    pools_[worker]->give_back(std::move(lease->connection));
  }

  Task<void> sleep(Duration span) {
    runtime::Event never(loop);
    (void)co_await never.wait(loop.after(span));
  }

  Task<void> client(std::size_t worker, TimePoint until, Served& served) {
    while (loop.now() < until) {
      const TimePoint begun = loop.now();
      auto lease = co_await pools_[worker]->lease(loop.after(10min), {});
      served.longest_wait = std::max(served.longest_wait, loop.now() - begun);
      EXPECT_TRUE(lease);
      if (!lease) co_return;
      co_await sleep(2 * latency_);
      if (loop.now() <= until) ++served.messages;
      pools_[worker]->give_back(std::move(lease->connection));
    }
  }

  Loop loop{runtime::Time::kVirtual};
  metrics::Registry metrics{{}};
  Count count;

 private:
  const Duration latency_;
  config::Upstream upstream_;
  const Manner manner_;
  ConnectionCaps caps_;
  runtime::TaskGroup servers_;
  std::vector<std::unique_ptr<Pool>> pools_;
};

TEST(Capped, ConnectionsStayWhereTheyAreBusy) {
  const struct {
    std::uint32_t cap;
    Duration latency;
    Duration span;
    std::vector<int> clients;
  } cases[] = {{5, 1ms, 1s, {200}},         {5, 1ms, 2s, {100, 100}},
               {5, 1ms, 2s, {160, 40}},     {50, 5ms, 2s, {70, 130}},
               {5, 100ms, 60s, {200}},      {5, 100ms, 60s, {100, 100}},
               {5, 100ms, 60s, {150, 50}},  {50, 100ms, 20s, {100, 100}},
               {50, 100ms, 20s, {130, 70}}, {12, 10ms, 5s, {50, 50, 100}}};
  for (const auto& c : cases) {
    SCOPED_TRACE("cap " + std::to_string(c.cap) + ", latency " + std::to_string(c.latency / 1ms) +
                 " ms, workers " + std::to_string(c.clients.size()) + ", first " +
                 std::to_string(c.clients[0]));
    Capped capped(c.cap, c.clients.size(), c.latency);
    (void)capped.send(c.clients, 100 * c.latency + 3s);  // shares even out
    const int opened = capped.count.opened;
    int messages = 0;
    int clients = 0;
    for (const int each : c.clients) clients += each;
    const Duration fair_wait = 2 * c.latency * clients / static_cast<int>(c.cap);
    for (const Capped::Served& served : capped.send(c.clients, c.span)) {
      messages += served.messages;
      EXPECT_LE(served.longest_wait, 3 * fair_wait + 2s);
    }
    const double ideal = static_cast<double>(c.cap) * static_cast<double>(c.span.count()) /
                         static_cast<double>((2 * c.latency).count());
    EXPECT_GE(messages, 0.95 * ideal);
    EXPECT_LT(capped.count.opened - opened, 0.01 * messages);
    EXPECT_LE(capped.count.most, static_cast<int>(c.cap));
  }
}

TEST(Capped, AWorkerThatComesLaterGetsItsShare) {
  Capped capped(5, 2, 100ms);
  (void)capped.send({100, 0}, 30s);  // the first has all five
  const auto served = capped.send({100, 100}, 120s);
  EXPECT_LE(capped.count.opened, 5 + 3);
  EXPECT_GE(served[0].messages + served[1].messages, 0.95 * 5 * 120 / 0.2);
  EXPECT_GE(served[1].messages, 0.3 * 5 * 120 / 0.2);
}

TEST(Capped, MoreWorkersThanSlotsTakeTurns) {
  const struct {
    std::uint32_t cap;
    Duration latency;
  } cases[] = {{1, 1ms}, {2, 1ms}, {1, 100ms}};
  for (const auto& [cap, latency] : cases) {
    SCOPED_TRACE(std::to_string(cap) + " slots, " + std::to_string(latency / 1ms) + " ms");
    Capped capped(cap, 5, latency);
    const Duration span = latency * 1000 + 30s;
    // A turn is ten times what opening a connection takes, from 1 s to 10 s.
    const Duration turn = std::clamp<Duration>(2 * latency * 10, 1s, 10s);
    int messages = 0;
    for (const Capped::Served& served : capped.send({5, 5, 5, 5, 5}, span)) {
      EXPECT_LE(served.longest_wait, (turn + 10 * latency) * 6 / cap + 1s);
      messages += served.messages;
    }
    EXPECT_LE(capped.count.opened, static_cast<int>(cap * (span / turn + 5)));
    const double ideal = static_cast<double>(cap) * static_cast<double>(span.count()) /
                         static_cast<double>((2 * latency).count());
    EXPECT_GE(messages, 0.75 * ideal);
  }
}

TEST(Capped, AMessageIsNotLeftBehindAConnectionThatIsStuck) {
  Capped capped(5, 2, 1ms);
  const auto main = [](Capped& c) -> Task<void> {
    runtime::TaskGroup group(c.loop);
    group.spawn(c.hold(1, 10min));  // the provider thinks about it
    co_await c.sleep(1s);
    Capped::Served busy;
    for (int i = 0; i < 100; ++i) group.spawn(c.client(0, c.loop.after(20s), busy));
    co_await c.sleep(10s);
    const TimePoint begun = c.loop.now();
    co_await c.hold(1, 1ms);
    EXPECT_LE(c.loop.now() - begun, 3s);
    (void)co_await group.join();
  };
  capped.loop.run(main(capped));
}

TEST(Capped, WhatIsIdleGoesAtOnceToAWorkerThatHasNone) {
  Capped capped(4, 2, 1ms);
  (void)capped.send({4, 0}, 100ms);
  capped.loop.run(capped.sleep(1s));
  const TimePoint begun = capped.loop.now();
  capped.loop.run(capped.hold(1, 1ms));
  EXPECT_LE(capped.loop.now() - begun, 20ms);
  EXPECT_EQ(capped.count.most, 4);
}

}  // namespace
}  // namespace sallyport::relay
