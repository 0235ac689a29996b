// Upstreams that fail at random, and the promise that must hold whatever they do: a message we
// answer 250 for is at one upstream, once; one we answer otherwise for is at none, unless we said
// that we don't know.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>

#include "proxy/relay/relay.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "tests/support/memory_stream.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using runtime::ByteStream;
using runtime::Loop;
using runtime::Task;

/// What all upstreams together did with one message.
struct Fate {
  int ends = 0;      // final dots, or ends of the last chunk, received
  int accepted = 0;  // of these, answered 250
  int refused = 0;   // of these, answered 4xx or 5xx
};

struct Chaos {
  Loop loop{runtime::Time::kVirtual};
  runtime::TaskGroup servers{loop};
  std::mt19937 random;
  double trouble = 0.08;  // the chance of it at each step
  std::map<std::string, Fate> fates;
  int chunks = 0;
  bool empty_content = false;
  bool broken_content = false;
  bool said_what_was_not_offered = false;

  bool happens() { return std::uniform_real_distribution<>(0, 1)(random) < trouble; }
  unsigned pick(unsigned count) { return static_cast<unsigned>(random() % count); }
};

/// What a connection's EHLO offers.
struct Offer {
  bool pipelining;
  bool binary;
  bool dsn;
};

/// The end of each message: what no line of DATA can carry, and what one can.
const std::string kBinaryEnd = "\r\nbare\nNUL\0\r\n.\r\nthe end\r"s;
const std::string kPlainEnd = "\r\nthe end\r\n";

/// One connection of an upstream that is not well.
class Moody {
 public:
  Moody(Chaos& chaos, std::unique_ptr<ByteStream> stream, Offer offer)
      : chaos_(chaos), stream_(std::move(stream)), offer_(offer) {}

  static Task<void> serve(Chaos& chaos, std::unique_ptr<ByteStream> stream, Offer offer) {
    Moody server(chaos, std::move(stream), offer);
    co_await server.run();
  }

 private:
  Task<void> run() {
    if (!co_await answer("220 up")) co_return;
    while (true) {
      const auto octets = co_await stream_->read(chaos_.loop.after(2h));
      if (!octets) co_return;
      received_ += *octets;
      while (chunk_ ? received_.size() >= *chunk_ : received_.contains("\r\n")) {
        const std::size_t size = chunk_ ? *chunk_ : received_.find("\r\n");
        const std::string taken = received_.substr(0, size);
        received_.erase(0, chunk_ ? size : size + 2);
        const bool goes_on = chunk_ ? co_await take_chunk(taken) : co_await take(taken);
        if (!goes_on) co_return;
      }
    }
  }

  /// False when the connection is over.
  Task<bool> take(std::string line) {
    if (in_content_) co_return co_await take_content(line);
    if (line == "QUIT") {
      (void)co_await stream_->write("221 Bye\r\n", kNever);
      co_return false;
    }
    if (line.starts_with("EHLO")) {
      std::string reply = "250-up";
      if (offer_.pipelining) reply += "\r\n250-PIPELINING";
      if (offer_.binary) reply += "\r\n250-BINARYMIME\r\n250-CHUNKING";
      if (offer_.dsn) reply += "\r\n250-DSN";
      co_return co_await answer(reply + "\r\n250 HELP");
    }
    if (!offer_.dsn && (line.contains(" NOTIFY=") || line.contains(" ENVID="))) {
      chaos_.said_what_was_not_offered = true;
    }
    if (line.starts_with("BDAT ")) {
      if (!offer_.binary) chaos_.said_what_was_not_offered = true;
      chunk_ = std::stoul(line.substr(5));
      co_return true;
    }
    if (line == "RSET" || line.starts_with("MAIL")) {
      mail_ = false;
      recipients_ = 0;
    }
    if (line.starts_with("MAIL")) co_return co_await answer("250 2.1.0 Ok");
    if (line.starts_with("RCPT")) co_return co_await answer(mail_ ? "250 2.1.5 Ok" : "503 No");
    if (line == "DATA") {
      if (recipients_ == 0) co_return co_await answer(chaos_.pick(4) == 0 ? "354 Go" : "503 No");
      co_return co_await answer("354 Go");
    }
    co_return co_await answer("250 Ok");
  }

  Task<bool> take_content(const std::string& line) {
    if (line != ".") {
      if (line.starts_with("X-Id: ")) id_ = line.substr(6);
      last_line_ = line;
      co_return !chaos_.happens() || chaos_.pick(20) != 0;
    }
    in_content_ = false;
    if (last_line_ != "the end") chaos_.broken_content = true;
    co_return co_await decide();
  }

  Task<bool> take_chunk(const std::string& chunk) {
    chunk_.reset();
    ++chaos_.chunks;
    if (chunk.starts_with("X-Id: ")) id_ = chunk.substr(6, chunk.find("\r\n") - 6);
    if (!chunk.ends_with(kBinaryEnd) && !chunk.ends_with(kPlainEnd)) chaos_.broken_content = true;
    // Said along with the RCPT that was refused.
    if (recipients_ == 0) co_return co_await answer("503 No");
    co_return co_await decide();
  }

  /// The content was received to its end.
  Task<bool> decide() {
    if (id_.empty() || recipients_ == 0) chaos_.empty_content = true;
    Fate& fate = chaos_.fates[std::exchange(id_, {})];
    ++fate.ends;
    verdict_of_ = &fate;
    const bool goes_on = co_await answer("250 Ok: queued as 1");
    verdict_of_ = nullptr;
    co_return goes_on;
  }

  Task<bool> answer(std::string reply) {
    if (chaos_.happens()) {
      switch (chaos_.pick(7)) {
        case 0:
          reply = "450 4.2.0 Later";
          break;
        case 1:
          reply = "550 5.7.1 Never";
          break;
        case 2:
          (void)co_await say("421 4.3.2 Closing\r\n");
          co_return false;
        case 3:
          co_return false;
        case 4:
          stream_->abort();
          co_return false;
        case 5:
          while (co_await stream_->read(chaos_.loop.after(2h))) {
          }
          co_return false;
        default:
          (void)co_await say("+OK\r\n");
          co_return false;
      }
    }
    in_content_ = reply.starts_with("354");
    if (reply == "250 2.1.0 Ok") mail_ = true;
    if (reply == "250 2.1.5 Ok") ++recipients_;
    co_return co_await say(reply + "\r\n");
  }

  Task<bool> say(std::string octets) {
    if (verdict_of_ != nullptr) {
      if (octets.starts_with("250")) ++verdict_of_->accepted;
      if (octets.starts_with("4") || octets.starts_with("5")) ++verdict_of_->refused;
    }
    co_return (co_await stream_->write(octets, kNever)).has_value();
  }

  Chaos& chaos_;
  const std::unique_ptr<ByteStream> stream_;
  const Offer offer_;
  std::string received_;
  std::optional<std::size_t> chunk_;  // octets that BDAT announced
  std::string id_;
  std::string last_line_;
  bool in_content_ = false;
  bool mail_ = false;
  int recipients_ = 0;
  Fate* verdict_of_ = nullptr;
};

class MoodyDialer final : public Dialer {
 public:
  explicit MoodyDialer(Chaos& chaos) : chaos_(chaos) {}

  Task<Result<std::unique_ptr<ByteStream>>> connect(TimePoint /*deadline*/) override {
    if (chaos_.happens()) co_return fail(ErrorCode::kNetwork, "Connection refused");
    auto [ours, theirs] = support::MemoryStream::pair(
        chaos_.loop, {.capacity = chaos_.pick(2) == 0 ? 100u : support::kUnlimited,
                      .piece = 1 + chaos_.pick(200)});
    chaos_.servers.spawn(Moody::serve(chaos_, std::move(theirs),
                                      {.pipelining = chaos_.pick(2) == 0,
                                       .binary = chaos_.pick(3) != 0,
                                       .dsn = chaos_.pick(2) == 0}));
    co_return std::move(ours);
  }
  Task<Result<std::unique_ptr<ByteStream>>> secure(std::unique_ptr<ByteStream> stream,
                                                   TimePoint /*deadline*/) override {
    if (chaos_.happens()) co_return fail(ErrorCode::kTls, "the certificate is for another name");
    co_return std::move(stream);
  }

 private:
  Chaos& chaos_;
};

struct Client {
  Relay& relay;
  message::Budget& budget;
  message::Storage& storage;
  std::map<std::string, Outcome> outcomes;
};

Task<void> send(Chaos& chaos, Client& client, std::string name, int messages) {
  for (int i = 0; i < messages; ++i) {
    const std::string id = name + "-" + std::to_string(i);
    message::Message message{.id = id,
                             .envelope = {},
                             .body = message::Body(client.budget, client.storage),
                             .message_id = {}};
    message.is_binary = chaos.pick(3) == 0;
    if (chaos.pick(2) == 0) message.envelope.parameters.envid = id;
    EXPECT_TRUE(message.body.append("X-Id: " + id + "\r\n\r\n.dots\r\n..\r\n" +
                                    std::string(chaos.pick(300), 'x') +
                                    (message.is_binary ? kBinaryEnd : kPlainEnd)));
    for (unsigned r = 0; r < 1 + chaos.pick(3); ++r) {
      message.envelope.recipients.push_back(
          {{"r" + std::to_string(r), "there.example"}, {.notify = {.success = true}, .orcpt = {}}});
    }
    const Delivery delivery = co_await client.relay.deliver(message, chaos.loop.after(1h));
    client.outcomes[id] = delivery.outcome;
  }
}

TEST(Chaos, AMessageIsWhereWeSaidItIsAndNowhereElse) {
  std::map<Outcome, int> seen;
  int chunks = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    Chaos chaos;
    chaos.random.seed(seed);
    auto config = std::make_shared<config::Config>();
    config->hostname = "gw.example";
    for (const char* const name : {"a", "b"}) {
      config::Upstream made = upstream(name);
      made.username.clear();
      made.max_connections = 3;
      made.max_messages_per_connection = 10;
      config->upstreams.push_back(std::move(made));
    }
    config->routes.push_back({.senders = {}, .upstreams = config::in_order({0, 1})});
    if (seed % 2 == 0) config->partial_rejection = config::PartialRejection::kDeliver;

    log::Logger logger({.least = log::Level::kError, .descriptor = -1});
    metrics::Registry metrics{{}};
    message::Budget budget(1u << 30);
    message::Storage storage;
    ConnectionCaps caps;
    const Surroundings surroundings{
        chaos.loop, logger, metrics, caps,
        [&](Loop&, const config::Upstream&, const TlsFiles&) -> Result<std::unique_ptr<Dialer>> {
          return std::make_unique<MoodyDialer>(chaos);
        }};
    const auto cap = caps.of(config->upstreams[0]);
    const auto relay = Relay::make(surroundings, config).value();
    Client client{*relay, budget, storage, {}};
    const auto main = [](Chaos& c, Client& each) -> Task<void> {
      runtime::TaskGroup group(c.loop);
      for (int i = 0; i < 5; ++i) group.spawn(send(c, each, std::to_string(i), 12));
      (void)co_await group.join();
      co_await each.relay.drain(c.loop.after(1s));
      (void)co_await c.servers.join();
    };
    chaos.loop.run(main(chaos, client));

    EXPECT_EQ(client.outcomes.size(), 60u);
    chunks += chaos.chunks;
    EXPECT_FALSE(chaos.empty_content) << seed;
    EXPECT_FALSE(chaos.broken_content) << seed;
    EXPECT_FALSE(chaos.said_what_was_not_offered) << seed;
    for (const auto& [id, outcome] : client.outcomes) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " message " + id);
      ++seen[outcome];
      const Fate fate = chaos.fates[id];
      const int unanswered = fate.ends - fate.accepted - fate.refused;
      switch (outcome) {
        case Outcome::kDelivered:
          EXPECT_EQ(fate.accepted, 1);
          EXPECT_EQ(unanswered, 0);
          break;
        case Outcome::kRefused:
        case Outcome::kDeferred:
          EXPECT_EQ(fate.accepted, 0);
          EXPECT_EQ(unanswered, 0);
          break;
        case Outcome::kUnknown:
          EXPECT_LE(fate.accepted + unanswered, 1);
          break;
        case Outcome::kAbandoned:
          ADD_FAILURE() << "no client has gone";
          break;
      }
    }
    for (const char* const name : {"a", "b"}) {
      const auto& counted = metrics.for_upstream(name);
      EXPECT_EQ(counted.pool[metrics::PoolState::kIdle].value(), 0);
      EXPECT_EQ(counted.pool[metrics::PoolState::kBusy].value(), 0);
    }
    EXPECT_EQ(cap->used(), 0u);
  }
  EXPECT_GT(chunks, 500);
  // The mix must be one that tests each outcome.
  for (const Outcome outcome :
       {Outcome::kDelivered, Outcome::kRefused, Outcome::kDeferred, Outcome::kUnknown}) {
    EXPECT_GT(seen[outcome], 50) << name(outcome);
  }
}

}  // namespace
}  // namespace sallyport::relay
