#include "tests/unit/relay/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <numeric>
#include <optional>

#include "proxy/runtime/event.h"

namespace sallyport::relay {

using runtime::ByteStream;
using runtime::Task;

class World::ScriptedDialer final : public Dialer {
 public:
  ScriptedDialer(World& world, Host& host) : world_(world), host_(host), cut_off_(world.loop) {}

  Task<Result<std::unique_ptr<ByteStream>>> connect(TimePoint deadline) override {
    ++host_.dials;
    if (host_.scripts.empty()) {
      world_.faults.push_back("a connection nobody expected");
      co_return fail(ErrorCode::kNetwork, "Connection refused");
    }
    std::string script = std::move(host_.scripts.front());
    host_.scripts.pop_front();
    if (script == "D! refuse") co_return fail(ErrorCode::kNetwork, "Connection refused");
    if (script == "D! unresolved") co_return fail(ErrorCode::kNotFound, "name not known");
    if (script == "D! timeout") {
      co_return fail(co_await silence(deadline));
    }
    tls_error_.reset();
    if (script == "D! tls") tls_error_ = {ErrorCode::kTls, "the certificate is for another name"};
    if (script == "D! tls reset") tls_error_ = {ErrorCode::kNetwork, "Connection reset by peer"};
    if (script == "D! not tls") tls_error_ = {ErrorCode::kInvalid, "it said \"220 x\""};
    tls_stalls_ = script == "D! tls timeout";
    if (tls_error_ || tls_stalls_) script = "U! stall";
    auto [ours, theirs] = support::MemoryStream::pair(world_.loop, host_.stream);
    host_.last_stream = ours.get();
    world_.scripts_.spawn(world_.serve(std::move(theirs), std::move(script), host_, host_.dials));
    co_return std::move(ours);
  }

  Task<Result<std::unique_ptr<ByteStream>>> connect_next(Tried& tried,
                                                         TimePoint deadline) override {
    tried.addresses.emplace_back();
    tried.more = tried.addresses.size() < host_.addresses;
    return connect(deadline);
  }

  void spoke(Tried&, bool well) override { ++(well ? host_.spoke_well : host_.spoke_badly); }

  Task<Result<std::unique_ptr<ByteStream>>> secure(std::unique_ptr<ByteStream> stream,
                                                   TimePoint deadline) override {
    ++host_.secured;
    if (tls_stalls_) co_return fail(co_await silence(deadline));
    if (tls_error_) co_return fail(*tls_error_);
    co_return std::move(stream);
  }

  void cut_off() override { cut_off_.set(); }

 private:
  /// Nobody says anything until `deadline` or `cut_off`.
  Task<Error> silence(TimePoint deadline) {
    const bool cut_off = (co_await cut_off_.wait(deadline)).has_value();
    co_return cut_off ? Error{ErrorCode::kCancelled, "we are closing the connection"}
                      : Error{ErrorCode::kTimeout, "nobody answered"};
  }

  World& world_;
  Host& host_;
  runtime::Event cut_off_;
  std::optional<Error> tls_error_;
  bool tls_stalls_ = false;
};

World::World(std::vector<config::Upstream> upstreams)
    : log_descriptor_(::memfd_create("log", MFD_CLOEXEC)),
      logger_(std::make_unique<log::Logger>(log::Logger::Options{.descriptor = log_descriptor_})),
      config_(std::make_shared<config::Config>()),
      scripts_(loop) {
  config_->hostname = "gw.example";
  config_->upstreams = std::move(upstreams);
  std::vector<std::size_t> all(config_->upstreams.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  config_->routes.push_back({.upstreams = config::in_order(all)});
}

World::~World() {
  finish();
  logger_.reset();
  ::close(log_descriptor_);
}

void World::end() {
  const auto drain = [](World& world) -> Task<void> {
    if (world.relay_) co_await world.relay_->drain(world.loop.after(std::chrono::seconds(30)));
    world.relay_.reset();
    (void)co_await world.scripts_.join();
  };
  loop.run(drain(*this));
}

void World::finish() {
  end();
  for (const auto& [name, host] : hosts_) {
    EXPECT_TRUE(host.scripts.empty()) << name << ": was not called as often as expected";
  }
  EXPECT_THAT(faults, testing::IsEmpty());
  faults.clear();
}

Relay& World::relay() {
  if (!relay_) reload();
  return *relay_;
}

void World::reload() {
  const Surroundings surroundings{loop, *logger_, metrics, caps,
                                  [this](runtime::Loop&, const config::Upstream& upstream,
                                         const TlsFiles&) -> Result<std::unique_ptr<Dialer>> {
                                    return std::make_unique<ScriptedDialer>(*this,
                                                                            host(upstream.name));
                                  }};
  // A copy: what the tests change later must not change what a relay was made of.
  auto made =
      Relay::make(surroundings, std::make_shared<const config::Config>(*config_), relay_.get());
  ASSERT_TRUE(made) << made.error().text;
  std::swap(relay_, *made);
  const auto drain = [](World& world, Relay& old) -> Task<void> {
    co_await old.drain(world.loop.after(std::chrono::seconds(30)));
  };
  if (*made) loop.run(drain(*this, **made));
}

message::Message World::message(const std::vector<std::string>& recipients,
                                std::string_view content) {
  message::Envelope envelope;
  envelope.reverse_path.mailbox = smtp::parse_mailbox("from@here.example").value();
  for (const std::string& recipient : recipients) {
    envelope.recipients.push_back({smtp::parse_mailbox(recipient).value()});
  }
  message::Body body(budget, storage, content.size());
  EXPECT_TRUE(body.append(content));
  return {.id = "id" + std::to_string(++messages_),
          .envelope = std::move(envelope),
          .body = std::move(body),
          .message_id = "<x@here.example>"};
}

Delivery World::deliver(const message::Message& message, Duration at_most) {
  return loop.run(relay().deliver(message, loop.after(at_most)));
}

Task<void> World::deliver_into(const message::Message& message, TimePoint deadline,
                               Delivery& delivery) {
  delivery = co_await relay().deliver(message, deadline);
}

std::vector<Delivery> World::deliver_all(const std::vector<message::Message>& messages,
                                         Duration at_most) {
  std::vector<Delivery> deliveries(messages.size());
  const auto all = [](World& world, const std::vector<message::Message>& each, TimePoint deadline,
                      std::vector<Delivery>& results) -> Task<void> {
    runtime::TaskGroup group(world.loop);
    for (std::size_t i = 0; i < each.size(); ++i) {
      group.spawn(world.deliver_into(each[i], deadline, results[i]));
    }
    (void)co_await group.join();
  };
  (void)relay();
  loop.run(all(*this, messages, loop.after(at_most), deliveries));
  return deliveries;
}

void World::pass(Duration span) {
  const auto sleep = [](runtime::Loop& l, TimePoint until) -> Task<void> {
    runtime::Event never(l);
    (void)co_await never.wait(until);
  };
  loop.run(sleep(loop, loop.after(span)));
}

std::string World::log() {
  logger_.reset();
  std::string text(static_cast<std::size_t>(::lseek(log_descriptor_, 0, SEEK_END)), '\0');
  EXPECT_EQ(::pread(log_descriptor_, text.data(), text.size(), 0),
            static_cast<ssize_t>(text.size()));
  return text;
}

Task<void> World::serve(std::unique_ptr<ByteStream> stream, std::string script, Host& host,
                        int number) {
  auto steps = support::parse_script(script);
  if (!steps) {
    faults.push_back(steps.error().text);
    co_return;
  }
  const auto played = co_await support::ScriptedUpstream::play(loop, std::move(stream),
                                                               std::move(*steps), host.contents);
  if (!played)
    faults.push_back("connection " + std::to_string(number) + ": " + played.error().text);
}

config::Upstream upstream(std::string name) {
  config::Upstream made;
  made.host = name + ".example";
  made.name = std::move(name);
  made.port = 465;
  made.username = "user";
  made.password = Secret("secret");
  return made;
}

}  // namespace sallyport::relay
