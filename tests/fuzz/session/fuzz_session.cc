// A whole session against a hostile client: it never crashes or hangs, it keeps no content, and
// what it answers and delivers is what the oracle worked out from the same octets.
//
// The first two octets say where the client is and how its octets are cut; where they say so, two
// more have the listener's settings, and, if a proxy stands before it, another one has the header.
// The rest is what the client says before it closes its side.
#include <algorithm>
#include <array>
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
constexpr std::string_view kSocketIp = "192.0.2.1";
// Nothing waits for anything but a delivery: whoever needs longer, hangs.
constexpr Duration kPatience = 1s;

/// What a proxy may say: of each kind one.
constexpr std::array<std::string_view, 7> kProxyHeaders = {
    "PROXY TCP4 198.51.100.7 192.0.2.1 56324 587\r\n",
    "PROXY TCP6 2001:db8::7 fd00::1 56324 587\r\n",
    "PROXY UNKNOWN\r\n",
    std::string_view("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16),
    std::string_view(
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xc0\0\x02\x01\x30\x39\x02\x4b", 28),
    std::string_view("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x29"
                     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
                     "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x30\x39\x02\x4b\xea\0\x02tv",
                     57),
    std::string_view("\r\n\r\n\0\r\nQUIT\n\x21\x31\0\0", 16),  // too short
};

constexpr std::array<std::string_view, 11> kExtensions = {
    "8BITMIME", "BINARYMIME",  "CHUNKING",   "DSN",        "ENHANCEDSTATUSCODES",
    "LIMITS",   "MT-PRIORITY", "PIPELINING", "REQUIRETLS", "SIZE",
    "SMTPUTF8"};

/// Octets off the front of the input; 0 when there are no more.
unsigned take_octet(std::string_view& input) {
  if (input.empty()) return 0;
  const auto value = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  return value;
}

/// What the first octets choose.
struct Plan {
  bool logged_in;           ///< The client begins with what it takes to be.
  bool has_envelope;        ///< And MAIL and RCPT.
  bool line_by_line;        ///< Time to answer after each line.
  bool slow_delivery;       ///< The upstream needs time.
  std::size_t piece;        ///< Octets of a read, at most.
  Entrance entrance = {};   ///< The listener.
  std::string header = {};  ///< What the proxy says first, if there is one.

  static Plan take(std::string_view& input) {
    const unsigned how = take_octet(input);
    const unsigned piece = take_octet(input);
    Plan plan{.logged_in = (how & 2u) != 0,
              .has_envelope = (how & 4u) != 0,
              .line_by_line = (how & 8u) != 0,
              .slow_delivery = (how & 16u) != 0,
              .piece = piece == 0 ? support::kUnlimited : piece};
    plan.entrance.tls = (how & 64u) != 0  ? Tls::kImplicit
                        : (how & 1u) != 0 ? Tls::kStarttls
                                          : Tls::kNone;
    plan.entrance.compat = (how & 32u) != 0;
    if ((how & 128u) != 0) plan.take_settings(input);
    return plan;
  }

  /// One bit each: the extensions, the header work, the proxy.
  void take_settings(std::string_view& input) {
    unsigned settings = take_octet(input);
    settings |= take_octet(input) << 8;
    const auto chosen = [&settings] { return (std::exchange(settings, settings >> 1) & 1u) != 0; };
    for (const std::string_view extension : kExtensions) {
      if (chosen()) entrance.disabled.emplace_back(extension);
    }
    HeaderWork& work = entrance.header;
    if (chosen()) work.removed = {"X-Originating-IP", "received", "Date", "Message-ID", "To"};
    if (chosen()) work.added = {{"X-Environment", "production"}, {"X-Mailer", "none of yours"}};
    if (chosen()) work.message_id_domain = "example.org";
    if (chosen()) work.hides_client = true;
    if (chosen()) take_header(input);
  }

  /// One of ours, or as many octets of the input.
  void take_header(std::string_view& input) {
    entrance.is_proxy = true;
    const unsigned which = take_octet(input);
    if (which < kProxyHeaders.size()) {
      header = kProxyHeaders[which];
    } else {
      header = input.substr(0, which);
      input.remove_prefix(header.size());
    }
  }

  std::string opening() const {
    std::string said;
    if (!logged_in) return said;
    if (entrance.tls == Tls::kStarttls) said.append(kGreet).append("STARTTLS\r\n");
    if (entrance.tls != Tls::kNone) said += transcripts::kClientHello;
    said += kLogin;
    if (has_envelope) said += kEnvelope;
    return said;
  }

  /// The same for the session.
  config::Listener listener() const {
    config::Listener listener;
    listener.address = {"127.0.0.1", 2525};
    listener.tls = entrance.tls == Tls::kImplicit   ? config::TlsMode::kImplicit
                   : entrance.tls == Tls::kStarttls ? config::TlsMode::kStarttls
                                                    : config::TlsMode::kNone;
    listener.compat = entrance.compat;
    listener.disabled_extensions = entrance.disabled;
    if (entrance.is_proxy) listener.proxy_protocol = {IpNetwork::parse("192.0.2.0/24").value()};
    listener.header.remove = entrance.header.removed;
    for (const auto& [name, text] : entrance.header.added) {
      listener.header.add.push_back({name, text});
    }
    listener.header.message_id_domain = entrance.header.message_id_domain;
    listener.header.hide_client = entrance.header.hides_client;
    return listener;
  }
};

/// Keeps what it is given and says 250.
class Keeper final : public relay::Deliverer {
 public:
  explicit Keeper(runtime::Loop& loop) : loop_(loop) {}

  Task<relay::Delivery> deliver(const message::Message& message, TimePoint,
                                relay::Caller) override {
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
  std::uint32_t max_recipients(const smtp::ReversePath&, const relay::Caller&) const override {
    return 100;
  }

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
            // One input must not bar the next, and none is to be waited for.
            {.guard = {.network_failures = 0, .account_failures = 0},
             .verify_password = [](const std::string&, const Secret& password) -> Result<bool> {
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
    config_ = std::move(config);
  }

  void run(std::string_view input) {
    const Plan plan = Plan::take(input);
    keeper_.slow = plan.slow_delivery;
    keeper_.kept.clear();
    const std::string said = plan.header + plan.opening().append(input);
    flights_.clear();
    const TimePoint began = loop_.now();
    const std::string heard = loop_.run(converse(said, plan));
    FUZZ_CHECK(loop_.now() - began < kPatience);
    FUZZ_CHECK(budget_.used() == 0 && networks_.size() == 0);
    judge({.said = said,
           .flights = flights_,
           .heard = heard,
           .delivered = keeper_.kept,
           .entrance = plan.entrance,
           .socket_ip = kSocketIp,
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

  Task<void> serve(std::unique_ptr<runtime::Transport> stream, const config::Listener& listener) {
    submission::Session session(context_, {config_, nullptr},
                                {listener, metrics_.for_listener("fuzz")}, std::move(stream),
                                std::string(kSocketIp));
    co_await session.run();
  }

  /// Says it all, and returns all that was heard.
  Task<std::string> converse(const std::string& said, const Plan& plan) {
    auto [client, server] = support::MemoryStream::pair(loop_);
    client->split_into(plan.piece);
    runtime::TaskGroup tasks(loop_);
    const config::Listener listener = plan.listener();
    tasks.spawn(serve(std::move(server), listener));
    for (std::string_view rest = said; !rest.empty();) {
      co_await settle();
      const std::string_view flight = take_flight(rest, plan);
      flights_.push_back(said.size() - rest.size());
      (void)co_await client->write(flight, kNever);
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

  /// The proxy's header, or what comes up to the next hello of TLS, which no client sends before it
  /// is asked to, or the next line.
  std::string_view take_flight(std::string_view& rest, const Plan& plan) const {
    std::size_t end = rest.find(transcripts::kClientHello, 1);
    if (rest.starts_with(transcripts::kClientHello)) end = transcripts::kClientHello.size();
    if (plan.line_by_line && rest.contains('\n')) end = std::min(end, rest.find('\n') + 1);
    if (flights_.empty() && !plan.header.empty()) end = plan.header.size();
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
  std::vector<std::size_t> flights_;  // where in what is said each ends
};

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& house = *new sallyport::fuzz::House();
  house.run(sallyport::fuzz::text(data, size));
  return 0;
}
