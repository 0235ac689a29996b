// Several workers, each with its own loop and thread, share the cap of one upstream.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "proxy/relay/relay.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "tests/unit/relay/willing.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;

/// What all workers share.
struct Shared {
  Shared() {
    config::Config made;
    made.hostname = "gw.example";
    config::Upstream upstream;
    upstream.name = "a";
    upstream.tls = config::TlsMode::kNone;
    upstream.max_connections = 3;
    made.upstreams.push_back(std::move(upstream));
    made.routes.push_back({.senders = {}, .upstreams = config::in_order({0})});
    config = std::make_shared<const config::Config>(std::move(made));
  }

  log::Logger logger{{}};
  metrics::Registry metrics{{}};
  message::Budget budget{1u << 30};
  message::Storage storage;
  ConnectionCaps caps;
  std::shared_ptr<const config::Config> config;
  Count count;
  const Manner manner;
};

Task<void> deliver_some(Shared& shared, Loop& loop, Relay& relay, int messages) {
  message::Message message{.id = "id",
                           .envelope = {},
                           .body = message::Body(shared.budget, shared.storage),
                           .message_id = {}};
  EXPECT_TRUE(message.body.append("Subject: x\r\n\r\nhello\r\n"));
  message.envelope.recipients.push_back({{"to", "there.example"}});
  for (int i = 0; i < messages; ++i) {
    const Delivery delivery = co_await relay.deliver(message, loop.after(30s));
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered) << delivery.upstream_reply;
  }
}

void work(Shared& shared, int tasks, int messages) {
  Loop loop;
  runtime::TaskGroup servers(loop);
  const Surroundings surroundings{
      loop, shared.logger, shared.metrics, shared.caps,
      [&](Loop& l, const config::Upstream&, const TlsFiles&) -> Result<std::unique_ptr<Dialer>> {
        return dial_willing(l, servers, shared.count, shared.manner);
      }};
  const auto relay = Relay::make(surroundings, shared.config).value();
  const auto main = [](Shared& s, Loop& l, Relay& r, int n, int each) -> Task<void> {
    runtime::TaskGroup group(l);
    for (int i = 0; i < n; ++i) group.spawn(deliver_some(s, l, r, each));
    (void)co_await group.join();
  };
  loop.run(main(shared, loop, *relay, tasks, messages));
  const auto end = [](Relay& r, Loop& l, runtime::TaskGroup& s) -> Task<void> {
    co_await r.drain(l.after(1s));
    (void)co_await s.join();
  };
  loop.run(end(*relay, loop, servers));
}

TEST(Workers, ShareTheCapAndNobodyStarves) {
  for (const int workers : {2, 5}) {  // fewer and more than connections
    Shared shared;
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(workers));
    for (int i = 0; i < workers; ++i) {
      threads.emplace_back([&shared, i] { work(shared, 1 + i * 3, 60); });
    }
    int messages = 0;
    for (int i = 0; i < workers; ++i) messages += (1 + i * 3) * 60;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(shared.count.messages, messages);
    EXPECT_LE(shared.count.most, 3);
    EXPECT_EQ(shared.count.open, 0);
    // Giving up connections for each other must stay the exception.
    EXPECT_LT(shared.count.opened, messages / 2);
    const auto& counted = shared.metrics.for_upstream("a");
    EXPECT_EQ(counted.pool[metrics::PoolState::kIdle].value(), 0);
    EXPECT_EQ(counted.pool[metrics::PoolState::kBusy].value(), 0);
    EXPECT_EQ(counted.waiting.value(), 0);
  }
}

TEST(Workers, AnIdleConnectionIsGivenUpForWhoWaitsElsewhere) {
  Shared shared;
  config::Config one = *shared.config;
  one.upstreams[0].max_connections = 1;
  one.upstreams[0].idle_timeout = 1h;
  shared.config = std::make_shared<const config::Config>(std::move(one));
  Loop loop(runtime::Time::kVirtual);  // two relays on one loop: as two workers, but in order
  runtime::TaskGroup servers(loop);
  const Surroundings surroundings{
      loop, shared.logger, shared.metrics, shared.caps,
      [&](Loop& l, const config::Upstream&, const TlsFiles&) -> Result<std::unique_ptr<Dialer>> {
        return dial_willing(l, servers, shared.count, shared.manner);
      }};
  const auto first = Relay::make(surroundings, shared.config).value();
  const auto second = Relay::make(surroundings, shared.config).value();
  const TimePoint begun = loop.now();
  for (int i = 0; i < 3; ++i) {
    loop.run(deliver_some(shared, loop, *first, 2));
    loop.run(deliver_some(shared, loop, *second, 2));
  }
  EXPECT_LT(loop.now() - begun, 1s);
  EXPECT_EQ(shared.count.opened, 6);
  EXPECT_EQ(shared.count.most, 1);

  // A worker without a connection gets one from a worker that is always busy.
  const auto both = [](Shared& s, Loop& l, Relay& busy, Relay& poor) -> Task<void> {
    runtime::TaskGroup group(l);
    for (int i = 0; i < 4; ++i) group.spawn(deliver_some(s, l, busy, 2'000));
    runtime::Event later(l);
    (void)co_await later.wait(l.after(100ms));
    const TimePoint asked = l.now();
    co_await deliver_some(s, l, poor, 1);
    EXPECT_LT(l.now() - asked, 2s);
    (void)co_await group.join();
  };
  loop.run(both(shared, loop, *first, *second));
  EXPECT_EQ(shared.count.most, 1);

  const auto end = [](Relay& a, Relay& b, Loop& l, runtime::TaskGroup& s) -> Task<void> {
    co_await a.drain(l.after(1s));
    co_await b.drain(l.after(1s));
    (void)co_await s.join();
  };
  loop.run(end(*first, *second, loop, servers));
}

}  // namespace
}  // namespace sallyport::relay
