// What a reload and an end do to deliveries that are under way, in virtual time.
#include "proxy/server/relay_in_force.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/relay/deadlines.h"
#include "tests/support/memory_stream.h"

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;
using relay::Outcome;
using relay::Settings;
using runtime::Task;

// How long the dialer of an upstream waits before it gives up.
using Waits = std::function<Duration(const std::string& upstream)>;

/// An upstream that takes everything.
Task<void> serve(std::unique_ptr<runtime::ByteStream> stream) {
  std::string input;
  std::string replies = "220 upstream.example\r\n";
  bool in_content = false;
  while (true) {
    if (!co_await stream->write(replies, kNever)) co_return;
    replies.clear();
    const auto octets = co_await stream->read(kNever);
    if (!octets) co_return;
    input += *octets;
    for (std::size_t end = input.find("\r\n"); end != input.npos; end = input.find("\r\n")) {
      const std::string line = input.substr(0, end);
      input.erase(0, end + 2);
      if (in_content && line != ".") continue;
      in_content = line == "DATA";
      replies += in_content ? "354 Go on\r\n" : "250 Ok\r\n";
    }
  }
}

/// Connects at once where it need not wait. Otherwise it gives up after a while, or when it is cut
/// off.
class PatientDialer final : public relay::Dialer {
 public:
  PatientDialer(runtime::Loop& loop, runtime::TaskGroup& servers, std::string upstream, Waits waits)
      : loop_(loop), servers_(servers), upstream_(std::move(upstream)), waits_(std::move(waits)) {}

  Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(TimePoint deadline) override {
    const Duration wait = waits_(upstream_);
    if (wait == 0s) {
      auto [ours, theirs] = support::MemoryStream::pair(loop_, {});
      servers_.spawn(serve(std::move(theirs)));
      co_return std::move(ours);
    }
    runtime::Event cut_off(loop_);
    under_way_.push_back(&cut_off);
    const TimePoint until = std::min(deadline, loop_.after(wait));
    const bool was_cut_off = (co_await cut_off.wait(until)).has_value();
    std::erase(under_way_, &cut_off);
    if (was_cut_off) co_return fail(ErrorCode::kCancelled, "cut off");
    co_return fail(ErrorCode::kTimeout, "no answer");
  }
  Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint) override {
    co_return stream;
  }
  void cut_off() override {
    for (runtime::Event* const each : under_way_) each->set();
  }

 private:
  runtime::Loop& loop_;
  runtime::TaskGroup& servers_;
  const std::string upstream_;
  const Waits waits_;
  std::vector<runtime::Event*> under_way_;
};

Settings settings_with(const std::vector<std::string>& names) {
  Settings settings{.hostname = "gateway.example", .upstreams = {}, .files = {}, .routes = {}};
  std::vector<std::size_t> all;
  for (const std::string& name : names) {
    config::Upstream upstream;
    upstream.name = name;
    upstream.host = name + ".example";
    upstream.connect_timeout = 24h;
    upstream.tls = config::TlsMode::kNone;
    all.push_back(settings.upstreams.size());
    settings.upstreams.push_back(std::move(upstream));
    settings.files.emplace_back();
  }
  settings.routes = {{.upstreams = config::in_order(all)}};
  return settings;
}

/// A worker's relaying with upstreams "a" and "b", both tried in this order.
struct World {
  World() { put_in_force(settings_with({"a", "b"})); }
  ~World() {
    const auto end = [](World& world) -> Task<void> {
      world.relay.retire(world.loop.now());
      co_await world.relay.join();
      (void)co_await world.servers.join();
    };
    loop.run(end(*this));
  }

  void put_in_force(Settings settings) {
    ASSERT_TRUE(relay.prepare(std::make_shared<const Settings>(std::move(settings))));
    relay.commit(1h);
  }

  Task<void> deliver(Duration at_most, relay::Delivery& delivery) {
    message::Message message{.id = "id",
                             .envelope = {},
                             .body = message::Body(budget, storage, 0),
                             .message_id = "<x@here.example>"};
    message.envelope.recipients.push_back({smtp::parse_mailbox("to@there.example").value()});
    delivery = co_await relay.deliver(message, loop.after(at_most), {});
  }
  /// As many messages as a worker has had when a reload comes: their count has been 0 since.
  Task<void> warm_up() {
    waits = [](const std::string&) { return 0s; };
    for (int i = 0; i < 3; ++i) {
      relay::Delivery delivery;
      co_await deliver(1h, delivery);
      EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
    }
    EXPECT_EQ(relay.deliveries(), 0u);
    co_await pass(1min);  // no connection is idle any more: the next message opens one
  }
  Task<void> pass(Duration span) {
    runtime::Event never(loop);
    (void)co_await never.wait(loop.after(span));
  }

  runtime::Loop loop{runtime::Time::kVirtual};
  log::Logger logger{{.least = log::Level::kError, .descriptor = -1}};
  metrics::Registry metrics{{}};
  message::Budget budget{1u << 20};
  const message::Storage storage;
  relay::ConnectionCaps caps;
  runtime::TaskGroup servers{loop};
  Waits waits = [](const std::string&) { return 1s; };
  RelayInForce relay{{loop, logger, metrics, caps,
                      [this](runtime::Loop& own, const config::Upstream& upstream,
                             const relay::TlsFiles&) -> Result<std::unique_ptr<relay::Dialer>> {
                        if (upstream.host.empty()) return fail(ErrorCode::kInvalid, "no host");
                        return std::make_unique<PatientDialer>(
                            own, servers, upstream.name,
                            [this](const std::string& name) { return waits(name); });
                      }}};
};

/// What a reload may do to the settings.
struct Change {
  const char* name;
  void (*apply)(Settings&);
};

class Reload : public testing::TestWithParam<Change> {};

TEST_P(Reload, LetsADeliveryUnderWayEndAndFailOver) {
  for (const bool warm : {false, true}) {
    SCOPED_TRACE(warm ? "warm" : "cold");
    World world;
    const auto main = [](World& w, bool warm_first, void (*change)(Settings&)) -> Task<void> {
      if (warm_first) co_await w.warm_up();
      w.waits = [](const std::string& upstream) { return upstream == "a" ? 1min : 2min; };
      // "a" has as long as an upstream has while another is left, "b" is the last.
      const Duration at_a =
          relay::Deadlines::shared(w.loop.now(), w.loop.after(1h), 1, false).opening;
      EXPECT_LT(at_a, 1min);
      relay::Delivery first;
      relay::Delivery second;
      const TimePoint begun = w.loop.now();
      runtime::TaskGroup group(w.loop);
      group.spawn(w.deliver(1h, first));
      group.spawn(w.deliver(1h, second));
      co_await w.pass(at_a / 2);  // both wait at "a"
      EXPECT_EQ(w.relay.deliveries(), 2u);
      Settings changed = settings_with({"a", "b"});
      change(changed);
      w.put_in_force(std::move(changed));
      EXPECT_EQ(w.relay.deliveries(), 2u);
      (void)co_await group.join();
      EXPECT_EQ(w.loop.now() - begun, at_a + 2min);
      for (const relay::Delivery& each : {first, second}) {
        EXPECT_EQ(each.outcome, Outcome::kDeferred);
        EXPECT_EQ(each.attempts, 2u);
        EXPECT_EQ(each.upstream, "b");
      }
      EXPECT_EQ(w.relay.deliveries(), 0u);
    };
    world.loop.run(main(world, warm, GetParam().apply));
  }
}

TEST_P(Reload, CutsOffWhatIsUnderWayInEachRelay) {
  for (const bool warm : {false, true}) {
    SCOPED_TRACE(warm ? "warm" : "cold");
    World world;
    const auto main = [](World& w, bool warm_first, void (*change)(Settings&)) -> Task<void> {
      if (warm_first) co_await w.warm_up();
      w.waits = [](const std::string&) { return 30min; };
      relay::Delivery before;
      relay::Delivery after;
      runtime::TaskGroup group(w.loop);
      group.spawn(w.deliver(1h, before));
      co_await w.pass(1s);
      Settings changed = settings_with({"a", "b"});
      change(changed);
      w.put_in_force(std::move(changed));
      group.spawn(w.deliver(1h, after));
      co_await w.pass(1s);
      EXPECT_EQ(w.relay.deliveries(), 2u);
      const TimePoint begun = w.loop.now();
      w.relay.cut_off();
      (void)co_await group.join();
      EXPECT_LT(w.loop.now() - begun, 1s);
      for (const relay::Delivery& each : {before, after}) {
        EXPECT_EQ(each.outcome, Outcome::kDeferred);
        EXPECT_EQ(each.reply.code, 451);
        EXPECT_EQ(each.attempts, 1u) << "no other upstream is asked once all is cut off";
      }
      relay::Delivery late;
      co_await w.deliver(1h, late);
      EXPECT_EQ(late.reply.code, 451);
      EXPECT_EQ(late.attempts, 0u);
    };
    world.loop.run(main(world, warm, GetParam().apply));
  }
}

INSTANTIATE_TEST_SUITE_P(
    RelayInForce, Reload,
    testing::Values(
        Change{"Nothing", [](Settings&) {}},
        Change{"First", [](Settings& settings) { settings.upstreams[0].username = "new"; }},
        Change{"Second", [](Settings& settings) { settings.upstreams[1].username = "new"; }},
        Change{"Both", [](Settings& settings) { settings.hostname = "new.example"; }},
        Change{"Roots", [](Settings& settings) { settings.files[0].ca = "new"; }},
        Change{"Rules",
               [](Settings& settings) {
                 settings.partial_rejection = config::PartialRejection::kDeliver;
               }}),
    [](const testing::TestParamInfo<Change>& change) { return change.param.name; });

TEST(RelayInForce, KeepsItsRelayWhenTheSettingsAreTheSame) {
  World world;
  const auto settings = std::make_shared<const Settings>(settings_with({"a", "b"}));
  ASSERT_TRUE(world.relay.prepare(settings));
  world.relay.commit(1h);
  const long uses = settings.use_count();
  ASSERT_TRUE(world.relay.prepare(settings));
  world.relay.commit(1h);
  EXPECT_EQ(settings.use_count(), uses);
}

TEST(RelayInForce, AFailedPreparationChangesNothing) {
  World world;
  const auto main = [](World& w) -> Task<void> {
    co_await w.warm_up();
    w.waits = [](const std::string&) { return 1min; };
    relay::Delivery delivery;
    runtime::TaskGroup group(w.loop);
    group.spawn(w.deliver(1h, delivery));
    co_await w.pass(1s);
    Settings bad = settings_with({"a", "b"});
    bad.upstreams[0].username = "new";
    bad.upstreams[1].host.clear();
    const auto prepared = w.relay.prepare(std::make_shared<const Settings>(std::move(bad)));
    EXPECT_EQ(prepared.error().text, "upstream b: no host");
    w.relay.commit(1h);  // of what is prepared: nothing
    EXPECT_EQ(w.relay.deliveries(), 1u);
    (void)co_await group.join();
    EXPECT_EQ(delivery.attempts, 2u);
  };
  world.loop.run(main(world));
}

TEST(RelayInForce, AnAbandonedPreparationChangesNothing) {
  World world;
  const auto cap = world.caps.of(settings_with({"a"}).upstreams[0]);
  Settings other = settings_with({"a", "b"});
  other.upstreams[0].max_connections = 1;
  ASSERT_TRUE(world.relay.prepare(std::make_shared<const Settings>(std::move(other))));
  world.relay.abandon();
  world.relay.commit(1h);
  EXPECT_EQ(cap->allowed(), config::Upstream{}.max_connections);
  world.put_in_force(settings_with({"a", "b"}));
}

TEST(RelayInForce, AShorterTimeoutCutsOffNothingThatIsUnderWay) {
  World world;
  const auto main = [](World& w) -> Task<void> {
    w.waits = [](const std::string&) { return 10min; };
    relay::Delivery delivery;
    const TimePoint begun = w.loop.now();
    runtime::TaskGroup group(w.loop);
    group.spawn(w.deliver(15min, delivery));
    co_await w.pass(1s);  // virtual: it is under way now
    Settings changed = settings_with({"a", "b"});
    changed.upstreams[1].username = "new";
    EXPECT_TRUE(w.relay.prepare(std::make_shared<const Settings>(std::move(changed))));
    w.relay.commit(1min);
    (void)co_await group.join();
    EXPECT_GE(w.loop.now() - begun, 10min);
    EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
  };
  world.loop.run(main(world));
}

}  // namespace
}  // namespace sallyport::server
