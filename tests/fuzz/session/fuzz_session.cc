// A whole session against a hostile client: it never crashes or hangs, it keeps no content, and
// what it answers and delivers is what the oracle worked out from the same octets.
//
// The first two octets say where the client is and how its octets are cut; the rest is what it says
// before it closes its side.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "proxy/submission/session.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/session/oracle.h"
#include "tests/support/memory_stream.h"
#include "tests/transcripts/fake_tls.h"

namespace sallyport::fuzz {
namespace {

using runtime::Task;
using namespace std::chrono_literals;

constexpr std::string_view kGreet = "EHLO fuzz.example\r\n";
constexpr std::string_view kLogin = "EHLO fuzz.example\r\nAUTH PLAIN AGFwcABzZWNyZXQ=\r\n";
constexpr std::string_view kEnvelope =
    "MAIL FROM:<app@example.com>\r\nRCPT TO:<someone@example.net>\r\n";
constexpr auto kNow = WallTime(std::chrono::seconds(1767323045));
// Nothing waits for anything but a delivery: whoever needs longer, hangs.
constexpr Duration kPatience = 1s;

/// What the first octets choose.
struct Plan {
  bool starttls;       ///< The listener; else one without TLS.
  bool logged_in;      ///< The client begins with what it takes to be.
  bool has_envelope;   ///< And MAIL and RCPT.
  bool line_by_line;   ///< Time to answer after each line.
  bool slow_delivery;  ///< The upstream needs time.
  bool compat;         ///< The listener mends bare LFs in content.
  std::size_t piece;   ///< Octets of a read, at most.

  static Plan take(std::string_view& input) {
    const auto octet = [&] {
      if (input.empty()) return 0u;
      const auto value = static_cast<unsigned char>(input.front());
      input.remove_prefix(1);
      return unsigned{value};
    };
    const unsigned how = octet();
    const unsigned piece = octet();
    return {.starttls = (how & 1u) != 0,
            .logged_in = (how & 2u) != 0,
            .has_envelope = (how & 4u) != 0,
            .line_by_line = (how & 8u) != 0,
            .slow_delivery = (how & 16u) != 0,
            .compat = (how & 32u) != 0,
            .piece = piece == 0 ? support::kUnlimited : piece};
  }

  std::string opening() const {
    std::string said;
    if (!logged_in) return said;
    if (starttls) said.append(kGreet).append("STARTTLS\r\n").append(transcripts::kClientHello);
    said += kLogin;
    if (has_envelope) said += kEnvelope;
    return said;
  }
};

/// Keeps what it is given and says 250.
class Keeper final : public relay::Deliverer {
 public:
  explicit Keeper(runtime::Loop& loop) : loop_(loop) {}

  Task<relay::Delivery> deliver(const message::Message& message, TimePoint) override {
    std::string content;
    message::BodyReader reader(message.body);
    std::vector<std::string_view> pieces;
    while (true) {
      pieces.clear();
      const auto more = co_await reader.next(loop_, pieces);
      FUZZ_CHECK(more);
      if (!*more) break;
      for (const std::string_view piece : pieces) content += piece;
    }
    const std::string& prefix = message.body.prefix();
    FUZZ_CHECK(content.starts_with(prefix) && content.size() == message.size());
    content.erase(0, prefix.size());
    kept.push_back({prefix, std::move(content), message.envelope.recipients.size()});
    if (slow) {
      runtime::Event never(loop_);
      (void)co_await never.wait(loop_.after(1ms));
    }
    relay::Delivery delivery;
    delivery.outcome = relay::Outcome::kDelivered;
    delivery.reply = {250, {2, 0, 0}, "Ok: " + message.id};
    co_return delivery;
  }
  std::uint32_t max_recipients(const smtp::ReversePath&) const override { return 100; }

  bool slow = false;
  std::vector<Delivered> kept;

 private:
  runtime::Loop& loop_;
};

/// Everything around the sessions, made once. Passwords are compared in clear, so that a failed
/// login costs no hashing. Log lines are made and dropped: what a writer thread does is done at no
/// certain time.
class House {
 public:
  House()
      : metrics_({.version = "fuzz"}),
        authenticator_(
            {.verify_password = [](const std::string&, const Secret& password) -> Result<bool> {
              return password.reveal() == "secret";
            }},
            users()),
        limits_(loop_.now()),
        logger_({.least = log::Level::kDebug, .most_buffered = 0, .clock = [] { return kNow; }}),
        ids_({1, 2, 3, 4}),
        keeper_(loop_),
        context_{.loop = loop_,
                 .authenticator = authenticator_,
                 .limits = limits_,
                 .budget = budget_,
                 .deliverer = keeper_,
                 .metrics = metrics_,
                 .logger = logger_,
                 .networks = networks_,
                 .ids = ids_,
                 .wall_time = [] { return kNow; },
                 .accept_tls = transcripts::accept_fake_tls} {
    auto config = std::make_shared<config::Config>();
    config->hostname = "mail.example.com";
    config->message.max_size = 1500;
    for (const bool compat : {false, true}) {
      for (const auto tls : {config::TlsMode::kNone, config::TlsMode::kStarttls}) {
        config::Listener& listener = config->listeners.emplace_back();
        listener.address = {"127.0.0.1", 2525};
        listener.tls = tls;
        listener.compat = compat;
      }
    }
    config_ = std::move(config);
  }

  void run(std::string_view input) {
    const Plan plan = Plan::take(input);
    keeper_.slow = plan.slow_delivery;
    keeper_.kept.clear();
    const std::string said = plan.opening().append(input);
    const TimePoint began = loop_.now();
    const std::string heard = loop_.run(converse(said, plan));
    FUZZ_CHECK(loop_.now() - began < kPatience);
    FUZZ_CHECK(budget_.used() == 0);
    judge({.said = said,
           .heard = heard,
           .delivered = keeper_.kept,
           .starttls = plan.starttls,
           .compat = plan.compat,
           .max_size = config_->message.max_size,
           .max_errors = config_->session.max_errors},
          {transcripts::kClientHello, transcripts::kServerHello});
  }

 private:
  static std::shared_ptr<const auth::UserTable> users() {
    config::User user;
    user.name = "app";
    user.password_hash =
        auth::hash_password(Secret("secret"), {.memory_kib = 8, .passes = 1, .lanes = 1}).value();
    return auth::UserTable::build({user}).value();
  }

  Task<void> serve(std::unique_ptr<runtime::Transport> stream, const Plan& plan) {
    const config::Listener& listener =
        config_->listeners[(plan.compat ? 2u : 0u) + (plan.starttls ? 1u : 0u)];
    submission::Session session(context_, {config_, nullptr},
                                {listener, metrics_.for_listener("fuzz")}, std::move(stream),
                                "192.0.2.1");
    co_await session.run();
  }

  /// Says it all, and returns all that was heard.
  Task<std::string> converse(const std::string& said, const Plan& plan) {
    auto [client, server] = support::MemoryStream::pair(loop_);
    client->split_into(plan.piece);
    runtime::TaskGroup tasks(loop_);
    tasks.spawn(serve(std::move(server), plan));
    for (std::string_view rest = said; !rest.empty();) {
      co_await settle();
      (void)co_await client->write(take_flight(rest, plan), kNever);
    }
    co_await settle();
    client->half_close();
    std::string heard;
    while (true) {
      const auto octets = co_await client->read(loop_.after(kPatience));
      if (!octets) {
        FUZZ_CHECK(octets.error().code != ErrorCode::kTimeout);
        break;
      }
      heard += *octets;
    }
    const auto joined = co_await tasks.join(loop_.after(kPatience));
    FUZZ_CHECK(joined);
    co_return heard;
  }

  /// Up to the next hello of TLS, which no client sends before it is asked to, or the next line.
  static std::string_view take_flight(std::string_view& rest, const Plan& plan) {
    std::size_t end = rest.find(transcripts::kClientHello, 1);
    if (rest.starts_with(transcripts::kClientHello)) end = transcripts::kClientHello.size();
    if (plan.line_by_line && rest.contains('\n')) end = std::min(end, rest.find('\n') + 1);
    const std::string_view flight = rest.substr(0, end);
    rest.remove_prefix(flight.size());
    return flight;
  }

  /// Lets everything that can run do so.
  Task<void> settle() {
    runtime::Event never(loop_);
    (void)co_await never.wait(loop_.after(std::chrono::nanoseconds(1)));
  }

  runtime::Loop loop_{runtime::Time::kVirtual};
  metrics::Registry metrics_;
  auth::Authenticator authenticator_;
  policy::LimitTable limits_;
  log::Logger logger_;
  submission::NetworkCount networks_;
  message::Budget budget_{1u << 20};
  message::TransactionIds ids_;
  Keeper keeper_;
  submission::Context context_;
  std::shared_ptr<const config::Config> config_;
};

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& house = *new sallyport::fuzz::House();
  house.run(sallyport::fuzz::text(data, size));
  return 0;
}
