// What a reload does to deliveries that are under way, in virtual time.
#include "proxy/server/relay_in_force.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;
using runtime::Task;

/// Reaches nobody: it gives up after ten minutes, or when it is cut off.
class PatientDialer final : public relay::Dialer {
 public:
  explicit PatientDialer(runtime::Loop& loop) : loop_(loop), cut_off_(loop) {}

  Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(TimePoint) override {
    if (co_await cut_off_.wait(loop_.after(10min))) co_return fail(ErrorCode::kCancelled, "cut");
    co_return fail(ErrorCode::kTimeout, "nobody answered");
  }
  Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint) override {
    co_return stream;
  }
  void cut_off() override { cut_off_.set(); }

 private:
  runtime::Loop& loop_;
  runtime::Event cut_off_;
};

std::shared_ptr<const config::Config> config_with(std::chrono::milliseconds upstream_timeout) {
  config::Config config;
  config.hostname = "gateway.example";
  config.session.upstream_timeout = upstream_timeout;
  config::Upstream upstream;
  upstream.name = "a";
  upstream.host = "a.example";
  config.upstreams = {upstream};
  config::Route route;
  route.upstreams = {0};
  config.routes = {route};
  return std::make_shared<const config::Config>(std::move(config));
}

Task<void> deliver(runtime::Loop& loop, RelayInForce& relay, Duration at_most,
                   relay::Delivery& delivery) {
  message::Budget budget{1u << 20};
  const message::Storage storage;
  message::Message message{.id = "id",
                           .envelope = {},
                           .body = message::Body(budget, storage, 0),
                           .message_id = "<x@here.example>"};
  message.envelope.recipients.push_back({smtp::parse_mailbox("to@there.example").value()});
  delivery = co_await relay.deliver(message, loop.after(at_most));
}

TEST(RelayInForce, AShorterTimeoutCutsOffNothingThatIsUnderWay) {
  runtime::Loop loop{runtime::Time::kVirtual};
  log::Logger logger({.least = log::Level::kError});
  metrics::Registry metrics{{}};
  relay::ConnectionCaps caps;
  RelayInForce relay({loop, logger, metrics, caps,
                      [](runtime::Loop& own, const config::Upstream&,
                         std::string_view) -> Result<std::unique_ptr<relay::Dialer>> {
                        return std::make_unique<PatientDialer>(own);
                      }});
  relay::Delivery delivery;
  const auto main = [](runtime::Loop& l, RelayInForce& r, relay::Delivery& d) -> Task<Duration> {
    const TimePoint began = l.now();
    EXPECT_TRUE(r.apply(config_with(1h)));
    runtime::TaskGroup group(l);
    group.spawn(deliver(l, r, 10min, d));
    runtime::Event pause(l);
    (void)co_await pause.wait(l.after(1s));  // virtual: it is under way now
    EXPECT_TRUE(r.apply(config_with(1min)));
    (void)co_await group.join();
    const Duration took = l.now() - began;
    r.retire(l.now());
    co_await r.join();
    co_return took;
  };
  EXPECT_GE(loop.run(main(loop, relay, delivery)), 10min);
  EXPECT_EQ(delivery.outcome, relay::Outcome::kDeferred);
}

}  // namespace
}  // namespace sallyport::server
