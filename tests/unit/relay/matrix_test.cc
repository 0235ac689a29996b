// Every way to misbehave at every stage of the conversation with an upstream, on new and on reused
// connections, in each way that content goes: what the client hears, where the message is, what
// stays open, and where the next message goes. What is expected follows from rules, not from a list
// of cases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/relay/relay.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "tests/unit/relay/faulty_host.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;
using testing::HasSubstr;
using testing::StartsWith;

/// How commands and content go.
enum class By : std::uint8_t { kSteps, kPipelined, kChunk, kAtOnce };

struct Case {
  At at;
  Way way;
  By by = By::kPipelined;
  bool starttls = false;
  bool reused = false;  ///< The pool has a connection; an opening fails because that has died.
  bool once = false;    ///< The fault is over after one occasion.

  bool is_opening() const { return at <= At::kAuth; }
  bool is_pipelined() const { return by != By::kSteps; }
};

std::string print(const Case& c) {
  static constexpr std::array<std::string_view, 4> kBy = {"in steps", "pipelined", "by BDAT",
                                                          "at once"};
  std::string text = std::string(name(c.at)) + ": " + std::string(name(c.way)) + ", " +
                     std::string(kBy[static_cast<std::size_t>(c.by)]);
  if (c.starttls) text += ", STARTTLS";
  if (c.reused) text += ", reused";
  if (c.once) text += ", once";
  return text;
}

constexpr Way kReplyWays[] = {Way::k4xx,       Way::k5xx,      Way::k421,     Way::kNonsense,
                              Way::kGarbage,   Way::kOverlong, Way::kEndless, Way::kDrop,
                              Way::kReset,     Way::kStall,    Way::kHalf,    Way::kHalfDrop,
                              Way::kHalfReset, Way::kTwice};
constexpr Way kFlightWays[] = {Way::kLost, Way::kThrowAway, Way::kMerged};
/// Nothing follows this command before its reply was read.
bool is_last_of_flight(At at, By by) {
  return at == At::kData || (by == By::kChunk && at == At::kRcpt) || at == At::kEnd;
}

std::vector<Case> opening_cases() {
  std::vector<Case> cases;
  for (const bool starttls : {false, true}) {
    for (const bool reused : {false, true}) {
      const auto add = [&](At at, Way way) {
        cases.push_back({.at = at, .way = way, .starttls = starttls, .reused = reused});
      };
      for (const Way way : {Way::kRefuse, Way::kUnresolved, Way::kStall}) add(At::kConnect, way);
      for (const Way way : {Way::kWrongName, Way::kAlert, Way::kGarbage, Way::kHalf, Way::kHalfDrop,
                            Way::kHalfReset, Way::kDrop, Way::kReset, Way::kStall}) {
        add(At::kHandshake, way);
      }
      for (const Way way : kReplyWays) {
        for (const At at : {At::kGreeting, At::kEhlo, At::kAuth}) add(at, way);
        if (!starttls) continue;
        for (const At at : {At::kStarttls, At::kSecondEhlo}) add(at, way);
      }
    }
  }
  return cases;
}

std::vector<Case> mail_cases() {
  std::vector<Case> cases;
  for (const By by : {By::kSteps, By::kPipelined, By::kChunk, By::kAtOnce}) {
    for (const bool reused : {false, true}) {
      if (by == By::kAtOnce && !reused) continue;  // the first message goes in two flights
      for (const bool once : {false, true}) {
        const auto add = [&](At at, Way way) {
          cases.push_back({.at = at, .way = way, .by = by, .reused = reused, .once = once});
        };
        if (reused && by != By::kAtOnce) {  // RSET comes before a flight, not before content
          for (const Way way : kReplyWays) add(At::kRset, way);
          if (by != By::kSteps) {
            for (const Way way : kFlightWays) add(At::kRset, way);
          }
        }
        for (const At at : {At::kMail, At::kRcpt, At::kData, At::kContent, At::kEnd}) {
          if ((by == By::kChunk || by == By::kAtOnce) && at == At::kData) continue;
          for (const Way way : kReplyWays) {
            if (at == At::kContent && way == Way::kTwice) continue;
            add(at, way);
          }
          if (by == By::kSteps || at > At::kData) continue;
          for (const Way way : kFlightWays) {
            if (way == Way::kLost || !is_last_of_flight(at, by)) add(at, way);
          }
        }
      }
    }
  }
  return cases;
}

struct Expected {
  Outcome outcome = Outcome::kDelivered;
  std::string reply = "250 2.0.0 Ok: queued as 4XYZ\r\n";
  bool in_trouble = false;  ///< The next message avoids the upstream.
};

bool is_silence(Way way) { return way == Way::kStall || way == Way::kHalf; }
bool is_end(Way way) {
  return way == Way::kDrop || way == Way::kReset || way == Way::kHalfDrop || way == Way::kHalfReset;
}
bool is_no_reply(Way way) {
  return way == Way::kGarbage || way == Way::kOverlong || way == Way::kEndless;
}

/// What is expected when a connection can't be opened.
Expected expected_of_opening(const Case& c) {
  Expected expected{.outcome = Outcome::kDeferred, .reply = "451 4.4.2 ", .in_trouble = true};
  if (c.at == At::kConnect) expected.reply = "451 4.4.1 ";
  if (c.way == Way::kUnresolved) expected.reply = "451 4.4.3 ";
  if (c.way == Way::kWrongName) expected.reply = "451 4.7.0 ";
  if (c.at <= At::kHandshake) return expected;
  if (c.at == At::kGreeting) expected.reply = "451 4.4.1 ";
  // A second greeting is taken for the reply to EHLO, and so on; octets behind the reply to
  // STARTTLS may have been put there by an attacker; those behind 235 are found before MAIL.
  const bool answers_next = c.way == Way::kTwice && c.at != At::kStarttls && c.at != At::kAuth;
  if (c.way == Way::k4xx || c.way == Way::k5xx || c.way == Way::kNonsense || answers_next) {
    expected.reply = "451 4.4.0 ";
  }
  if (c.way == Way::kTwice && c.at == At::kAuth) expected.reply = "451 4.4.2 ";
  if (c.way == Way::k421) expected.reply = "451 4.4.5 ";
  if (c.way == Way::k5xx && c.at == At::kAuth) expected.reply = "451 4.7.0 ";
  return expected;
}

/// What is expected of the mail transaction on a connection where nothing can be tried again.
Expected expected_of_transaction(const Case& c) {
  const Expected delivered;
  switch (c.way) {
    case Way::k4xx:
      return {.outcome = Outcome::kDeferred, .reply = "451 4.4.0 "};
    case Way::k5xx:
      return {.outcome = Outcome::kRefused, .reply = "550 5.7.1 Never (id"};
    case Way::k421:
      return {.outcome = Outcome::kDeferred, .reply = "451 4.4.5 ", .in_trouble = true};
    case Way::kTwice:
      if (c.at == At::kEnd) return delivered;
      // At once, all replies are successes, and it makes no difference which one is one too many.
      if (c.by == By::kAtOnce) return {.reply = "250 2."};
      break;
    default:
      break;
  }
  // A flight with the content in it may have been read to its end, whatever came back.
  const bool unknown = c.at == At::kEnd || (c.by == By::kAtOnce && c.at != At::kContent);
  return {.outcome = unknown ? Outcome::kUnknown : Outcome::kDeferred,
          .reply = "451 4.4.2 ",
          .in_trouble = true};
}

bool breaks_flights_only(Way way) {
  return way == Way::kLost || way == Way::kThrowAway || way == Way::kMerged;
}
/// The replies to a flight are one too few, and one of them shows it: 354 comes where it can't.
bool is_shifted(const Case& c) {
  return c.way == Way::kLost && c.by == By::kPipelined && c.at < At::kData;
}
bool is_out_of_step(const Case& c) {
  return c.way == Way::kNonsense || c.way == Way::kTwice || is_shifted(c);
}

/// Was the connection dead before, as far as one can tell, and nothing handed over?
bool is_stale(const Case& c) {
  if (!c.reused || c.at == At::kEnd) return false;
  if (c.by == By::kAtOnce && c.at != At::kContent) return c.way == Way::k421;
  if (c.way == Way::k421 || is_end(c.way) || is_out_of_step(c)) return true;
  // RSET can't fail: any other reply to it answers something else.
  const bool is_reply = c.way == Way::k4xx || c.way == Way::k5xx || c.way == Way::kMerged;
  if (c.at == At::kRset && is_reply) return true;
  return c.at <= At::kMail && is_silence(c.way);
}

/// Does it look as if the upstream did not keep PIPELINING? Only its first flight is suspected, but
/// where one reply came for all of it.
bool is_pipelining_doubted(const Case& c) {
  if (!c.is_pipelined() || c.at > At::kData || c.at == At::kRset) return false;
  if (c.way == Way::kMerged) return c.at == At::kMail || !c.reused || c.by == By::kAtOnce;
  if (c.reused && !is_stale(c)) return false;
  // A 250 too many shows in the place of 354, or before the content only.
  if (c.way == Way::kTwice && (c.by == By::kChunk || c.at == At::kData)) return false;
  return is_end(c.way) || breaks_flights_only(c.way) || is_out_of_step(c) ||
         (is_silence(c.way) && c.at != At::kMail);
}

Expected expected_of(const Case& c) {
  if (c.is_opening()) return expected_of_opening(c);
  const Expected delivered;
  // Once more on a new connection, or without PIPELINING, or both.
  if ((is_stale(c) || is_pipelining_doubted(c)) && c.once) return delivered;
  if (is_stale(c) && c.at == At::kRset) return delivered;  // the new connection needs none
  if (is_pipelining_doubted(c) && breaks_flights_only(c.way)) return delivered;
  return expected_of_transaction(c);
}

/// Two upstreams, `a` with the fault and `b` without, and the relay that serves one message at a
/// time.
class Deployment {
 public:
  Deployment(const Case& c, bool with_other) : case_(c), a_(loop_, servers_), b_(loop_, servers_) {
    config_->hostname = "gw.example";
    for (const char* const host : {"a", "b"}) {
      if (host[0] == 'b' && !with_other) continue;
      config::Upstream made = upstream(host);
      made.tls = c.starttls ? config::TlsMode::kStarttls : config::TlsMode::kImplicit;
      config_->upstreams.push_back(std::move(made));
    }
    config_->routes.push_back(
        {.upstreams = with_other ? config::in_order({0, 1}) : config::in_order({0})});
    content_ = "\r\nSubject: x\r\n\r\n";
    for (int i = 0; i < 20; ++i)
      content_ += "A line of a message that takes more than one write.\r\n";
    for (FaultyHost* const host : {&a_, &b_}) {
      host->pipelining = c.is_pipelined();
      host->chunking = c.by == By::kChunk || c.by == By::kAtOnce;
      host->starttls = c.starttls;
      host->content = content_;
    }
    if (c.at == At::kContent) a_.capacity = 200;
    const Surroundings surroundings{loop_, logger_, metrics_, caps_,
                                    [this](Loop&, const config::Upstream& up,
                                           const TlsFiles&) -> Result<std::unique_ptr<Dialer>> {
                                      return dial_faulty(up.name == "a" ? a_ : b_);
                                    }};
    cap_ = caps_.of(config_->upstreams[0]);
    relay_ = Relay::make(surroundings, config_).value();
  }

  ~Deployment() {
    const auto end = [](Deployment& self) -> Task<void> {
      co_await self.relay_->drain(self.loop_.after(30s));
      self.relay_.reset();
      (void)co_await self.servers_.join();
    };
    loop_.run(end(*this));
    EXPECT_EQ(cap_->used(), 0u);
    EXPECT_EQ(a_.open + b_.open, 0);
    EXPECT_EQ(a_.broken_contents + b_.broken_contents, 0);
    EXPECT_EQ(a_.credentials_in_clear + b_.credentials_in_clear, 0);
    for (const config::Upstream& each : config_->upstreams) {
      const auto& counted = metrics_.for_upstream(each.name);
      EXPECT_EQ(counted.pool[metrics::PoolState::kIdle].value(), 0);
      EXPECT_EQ(counted.pool[metrics::PoolState::kBusy].value(), 0);
      EXPECT_EQ(counted.waiting.value(), 0);
    }
  }
  Deployment(const Deployment&) = delete;
  Deployment& operator=(const Deployment&) = delete;

  /// Delivers one message, and holds its fate against the books of both hosts.
  Delivery deliver() {
    const std::string id = "id" + std::to_string(++messages_);
    message::Body body(budget_, storage_);
    EXPECT_TRUE(body.append("X-Id: " + id + content_));
    message::Message message{.id = id, .envelope = {}, .body = std::move(body), .message_id = {}};
    message.envelope.reverse_path.mailbox = smtp::parse_mailbox("from@here.example").value();
    message.envelope.recipients.push_back({smtp::parse_mailbox("to@there.example").value()});
    message.is_binary = case_.by == By::kChunk;
    Delivery delivery = loop_.run(relay_->deliver(message, loop_.after(1h)));
    check_books(id, delivery.outcome);
    return delivery;
  }

  void pass(Duration span) {
    const auto sleep = [](Loop& loop, TimePoint until) -> Task<void> {
      runtime::Event never(loop);
      (void)co_await never.wait(until);
    };
    loop_.run(sleep(loop_, loop_.after(span)));
  }

  /// What is open is idle, and counted as such.
  void check_connections() {
    pass(5s);
    const auto& counted = metrics_.for_upstream("a");
    EXPECT_EQ(counted.pool[metrics::PoolState::kBusy].value(), 0);
    EXPECT_EQ(counted.pool[metrics::PoolState::kIdle].value(), static_cast<int>(cap_->used()));
    // In the middle of content, this host sleeps.
    const bool sleeps =
        case_.at == At::kContent && (is_silence(case_.way) || is_no_reply(case_.way));
    if (!sleeps) EXPECT_EQ(a_.open, static_cast<int>(cap_->used()));
  }

  FaultyHost& a() { return a_; }

 private:
  void check_books(const std::string& id, Outcome outcome) {
    Books books = a_.books[id];
    books.ends += b_.books[id].ends;
    books.accepted += b_.books[id].accepted;
    books.refused += b_.books[id].refused;
    const int unanswered = books.ends - books.accepted - books.refused;
    if (outcome == Outcome::kUnknown) {
      EXPECT_LE(books.ends, 1);
    } else {
      EXPECT_EQ(books.accepted, outcome == Outcome::kDelivered ? 1 : 0);
      EXPECT_EQ(unanswered, 0);
    }
  }

  const Case case_;
  Loop loop_{runtime::Time::kVirtual};
  runtime::TaskGroup servers_{loop_};
  FaultyHost a_;
  FaultyHost b_;
  std::shared_ptr<config::Config> config_ = std::make_shared<config::Config>();
  log::Logger logger_{{.descriptor = -1, .most_buffered = 0}};
  metrics::Registry metrics_{{}};
  message::Budget budget_{1u << 30};
  message::Storage storage_;
  ConnectionCaps caps_;
  std::shared_ptr<ConnectionCap> cap_;
  std::unique_ptr<Relay> relay_;
  std::string content_;
  int messages_ = 0;
};

/// Brings `deployment` to where the message of the case begins.
void prepare(Deployment& deployment, const Case& c) {
  if (c.reused) EXPECT_EQ(deployment.deliver().outcome, Outcome::kDelivered);
  if (c.reused && c.is_opening()) {
    deployment.a().end_connections();
    deployment.pass(1s);
  }
  // A connection that was in use a moment ago takes content along with MAIL and RCPT.
  if (c.by == By::kChunk) deployment.pass(5s);
  if (c.at == At::kRset) {  // which follows a transaction that was left open
    deployment.a().misbehave(At::kRcpt, Way::k5xx, 1);
    EXPECT_EQ(deployment.deliver().outcome, Outcome::kRefused);
  }
  deployment.a().misbehave(c.at, c.way, c.once ? 1 : 1'000'000);
}

void check_alone(const Case& c) {
  Deployment deployment(c, false);
  prepare(deployment, c);
  const Expected expected = expected_of(c);
  const Delivery delivery = deployment.deliver();
  EXPECT_EQ(delivery.outcome, expected.outcome) << delivery.upstream_reply;
  EXPECT_THAT(delivery.reply.wire(), StartsWith(expected.reply));
  if (expected.outcome == Outcome::kDeferred || expected.outcome == Outcome::kUnknown) {
    EXPECT_THAT(delivery.reply.text(), HasSubstr(c.at == At::kRset ? "id3"
                                                 : c.reused        ? "id2"
                                                                   : "id1"));
  }
  EXPECT_EQ(delivery.upstream, "a");
  EXPECT_EQ(delivery.attempts, 1u);
  deployment.check_connections();
  deployment.a().behave();
  deployment.pass(1h);
  EXPECT_EQ(deployment.deliver().outcome, Outcome::kDelivered);
}

void check_with_another(const Case& c) {
  Deployment deployment(c, true);
  prepare(deployment, c);
  const Expected expected = expected_of(c);
  const bool moves_on = expected.outcome == Outcome::kDeferred;
  const Delivery delivery = deployment.deliver();
  EXPECT_EQ(delivery.outcome, moves_on ? Outcome::kDelivered : expected.outcome);
  EXPECT_EQ(delivery.upstream, moves_on ? "b" : "a");
  deployment.check_connections();
}

TEST(Matrix, HasManyCases) { EXPECT_GE(opening_cases().size() + mail_cases().size(), 1100u); }

TEST(Matrix, AnUpstreamThatCannotBeOpened) {
  for (const Case& c : opening_cases()) {
    SCOPED_TRACE(print(c));
    check_alone(c);
    check_with_another(c);
  }
}

TEST(Matrix, AnUpstreamThatFailsAMessage) {
  for (const Case& c : mail_cases()) {
    SCOPED_TRACE(print(c));
    check_alone(c);
    check_with_another(c);
  }
}

TEST(Matrix, TheNextMessageGoesWhereItIsWell) {
  auto cases = opening_cases();
  const auto more = mail_cases();
  cases.insert(cases.end(), more.begin(), more.end());
  for (const Case& c : cases) {
    SCOPED_TRACE(print(c));
    Deployment deployment(c, true);
    prepare(deployment, c);
    (void)deployment.deliver();
    deployment.a().behave();
    EXPECT_EQ(deployment.deliver().upstream, expected_of(c).in_trouble ? "b" : "a");
    deployment.pass(1h);
    EXPECT_EQ(deployment.deliver().upstream, "a");
  }
}

}  // namespace
}  // namespace sallyport::relay
