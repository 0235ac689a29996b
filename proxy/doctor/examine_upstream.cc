#include "proxy/doctor/examine_upstream.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "proxy/doctor/watched_dialer.h"
#include "proxy/http/client.h"
#include "proxy/oauth/tokens.h"
#include "proxy/relay/opening.h"
#include "proxy/relay/provider.h"
#include "proxy/runtime/connect_race.h"
#include "proxy/runtime/task_group.h"
#include "proxy/trace/record.h"

namespace sallyport::doctor {
namespace {

using namespace std::chrono_literals;
using config::Upstream;
using relay::Stage;
using runtime::SocketAddress;
using runtime::Task;

constexpr Duration kLookUp = 15s;
// A port that a firewall drops is silent: waiting longer tells nothing more.
constexpr Duration kConnect = 5s;
constexpr Duration kQuit = 2s;
constexpr auto kSoon = std::chrono::days(14);  // until a certificate ends

std::vector<SocketAddress> at_port(const std::vector<SocketAddress>& addresses,
                                   std::uint16_t port) {
  std::vector<SocketAddress> moved;
  for (const SocketAddress& address : addresses) {
    if (auto parsed = SocketAddress::parse(address.ip(), port)) moved.push_back(*parsed);
  }
  return moved;
}

class Examination {
 public:
  Examination(const UpstreamExamination& examination, const Upstream& upstream,
              const relay::TlsFiles& files, Report& report)
      : loop_(examination.loop),
        hostname_(examination.hostname),
        resolver_(examination.resolver),
        now_(examination.now),
        upstream_(upstream),
        files_(files),
        subject_(report, "upstream " + upstream.name) {}

  Task<void> run() {
    if (upstream_.provider->capture) {
      subject_.note("capture", fmt::format("mail is kept in {} and goes nowhere", upstream_.path));
      co_return;
    }
    if (upstream_.proxy) {
      subject_.note(
          "proxy", fmt::format("connections go through {} port {}: names and ports are tried there",
                               upstream_.proxy->host, upstream_.proxy->port));
    } else {
      if (!co_await look_up()) co_return;
      if (!co_await try_ports()) co_return;
    }
    co_await converse();
  }

 private:
  Task<bool> look_up() {
    runtime::LookUp look_up(loop_, upstream_.host, upstream_.port, resolver_);
    const bool ended = co_await look_up.wait(loop_.after(kLookUp));
    if (!ended) {
      subject_.fault("DNS", fmt::format("{}: no answer in time", upstream_.host),
                     "check the name servers of this machine");
      co_return false;
    }
    const auto& found = look_up.result();
    if (!found) {
      const bool unknown = found.error().code == ErrorCode::kNotFound;
      subject_.fault("DNS", found.error().text,
                     unknown ? "check host and region of the upstream"
                             : "check the name servers of this machine");
      co_return false;
    }
    addresses_ = found->addresses;
    std::vector<std::string> literals;
    literals.reserve(addresses_.size());
    for (const SocketAddress& address : addresses_) literals.push_back(address.ip());
    subject_.ok("DNS", fmt::format("{} is {}", upstream_.host, fmt::join(literals, ", ")));
    co_return true;
  }

  /// The ports that mail may go by, in their order.
  std::vector<std::uint16_t> own_ports() const {
    std::vector<std::uint16_t> ports;
    ports.reserve(upstream_.ports.size());
    for (const config::UpstreamPort& port : upstream_.ports) ports.push_back(port.number);
    if (ports.empty()) ports.push_back(upstream_.port);
    return ports;
  }

  /// The provider's others.
  std::vector<std::uint16_t> other_ports(const std::vector<std::uint16_t>& own) const {
    std::vector<std::uint16_t> ports;
    for (const auto* more :
         {&upstream_.provider->implicit_ports, &upstream_.provider->starttls_ports}) {
      std::ranges::copy_if(*more, std::back_inserter(ports), [&](std::uint16_t port) {
        return std::ranges::find(own, port) == own.end();
      });
    }
    return ports;
  }

  /// One port, and what came of connecting to it.
  struct Probe {
    std::uint16_t port = 0;
    Result<void> connected = {};
    Duration took{};
  };

  Task<void> try_port(Probe& probe) {
    const TimePoint begun = loop_.now();
    runtime::ConnectRace race(loop_);
    const auto stream = co_await race.run(at_port(addresses_, probe.port), loop_.after(kConnect));
    probe.took = loop_.now() - begun;
    if (!stream) probe.connected = fail(stream.error());
  }

  /// Is there a port that mail can go by?
  Task<bool> try_ports() {
    const std::vector<std::uint16_t> own = own_ports();
    const std::vector<std::uint16_t> others = other_ports(own);
    std::vector<Probe> probes;
    probes.reserve(own.size() + others.size());
    for (const std::uint16_t port : own) probes.push_back({.port = port});
    for (const std::uint16_t port : others) probes.push_back({.port = port});
    runtime::TaskGroup group(loop_);
    for (Probe& probe : probes) group.spawn(try_port(probe));
    (void)co_await group.join();
    const std::span all(probes);
    const bool reachable = tell_own(all.first(own.size()), all.subspan(own.size()));
    tell_others(all.subspan(own.size()));
    co_return reachable;
  }

  bool tell_own(std::span<const Probe> own, std::span<const Probe> others) {
    const auto is_open = [](const Probe& probe) { return probe.connected.has_value(); };
    const bool reachable = std::ranges::any_of(own, is_open);
    const auto other = std::ranges::find_if(others, is_open);
    for (const Probe& probe : own) {
      if (is_open(probe)) {
        subject_.ok("connect",
                    fmt::format("port {} in {} s", probe.port, trace::in_seconds(probe.took)));
        continue;
      }
      const Error& error = probe.connected.error();
      const std::string what =
          error.code == ErrorCode::kTimeout
              ? fmt::format("port {} does not answer: a firewall may drop what is sent there",
                            probe.port)
              : error.text;
      if (reachable) {
        subject_.note("connect", what);
      } else {
        subject_.fault(
            "connect", what,
            other == others.end()
                ? "let this machine out to one of the ports, or ask its network"
                : fmt::format("say port = {}, which is open, or port = \"auto\"", other->port));
      }
    }
    return reachable;
  }

  /// Of a server of your own it is not known which ports it has.
  void tell_others(std::span<const Probe> others) {
    const config::Provider& provider = *upstream_.provider;
    if (provider.host.empty() && provider.region_hosts.empty()) return;
    std::vector<std::uint16_t> closed;
    for (const Probe& probe : others) {
      if (!probe.connected) closed.push_back(probe.port);
    }
    if (closed.empty()) return;
    subject_.note("connect",
                  fmt::format("other ports of the provider that cannot be reached from here: {}",
                              fmt::join(closed, ", ")));
  }

  Task<void> converse() {
    auto made = relay::make_net_dialer(loop_, upstream_, files_);
    if (!made) {
      subject_.fault("TLS", made.error().text, "check ca, certificate and key of the upstream");
      co_return;
    }
    WatchedDialer dialer(std::move(*made));
    std::vector<relay::Connection*> under_way;
    trace::Story story;
    http::Client http(1);
    oauth::Tokens tokens(http, {});
    const auto credential = relay::make_credential(loop_, upstream_, &tokens);
    auto opened =
        co_await relay::open_connection(loop_, dialer, *credential, upstream_, hostname_,
                                        loop_.after(upstream_.connect_timeout), under_way, &story);
    tell_steps(story, dialer);
    if (!opened) {
      tell_failure(opened.error());
      co_return;
    }
    if (upstream_.username.empty()) {
      subject_.note("AUTH", "no user name is set, so there is no login");
    }
    co_await (*opened)->quit(loop_.after(kQuit));
  }

  /// What each step came to; of several replies at one step (334, EHLO in clear and again in TLS)
  /// the last one counts. A refusal is told by `tell_failure`.
  void tell_steps(const trace::Story& story, const WatchedDialer& dialer) {
    std::vector<const trace::Step*> told;
    for (const trace::Step& step : story.steps()) {
      std::erase_if(told, [&](const trace::Step* each) { return each->name == step.name; });
      const bool refused = step.words.starts_with('4') || step.words.starts_with('5');
      if (step.name != relay::name(Stage::kConnect) && !refused) told.push_back(&step);
    }
    for (const trace::Step* step : told) {
      subject_.ok(step->name, step->words);
      if (step->name == relay::name(Stage::kTls)) tell_chain(dialer);
    }
  }

  void tell_chain(const WatchedDialer& dialer) {
    if (dialer.chain().empty()) return;
    for (const net::PeerCertificate& each : dialer.chain()) {
      const auto left = std::chrono::floor<std::chrono::days>(each.not_after - now_).count();
      const std::string what = fmt::format(
          "certificate {} by {} ends on {:%Y-%m-%d}, in {} days", each.subject, each.issuer,
          fmt::gmtime(std::chrono::system_clock::to_time_t(each.not_after)), left);
      if (each.not_after - now_ < kSoon) {
        subject_.warning("TLS", what, "whoever runs the server must renew it");
      } else {
        subject_.ok("TLS", what);
      }
    }
  }

  void tell_failure(const relay::Attempt& attempt) {
    std::string what = attempt.reply ? relay::one_line(*attempt.reply) : attempt.error.text;
    std::string advice;
    if (attempt.reply) {
      const relay::Reading reading =
          relay::read_reply(*upstream_.provider, attempt.stage, *attempt.reply);
      if (reading.rule != nullptr && !reading.rule->why.empty()) {
        what += fmt::format(" ({})", reading.rule->why);
      }
    }
    switch (attempt.stage) {
      case Stage::kTls:
        advice = upstream_.ca.empty()
                     ? "if the server's authority is one of your own, name its file with ca"
                     : fmt::format(
                           "see whether {} has the authority that the server's chain ends "
                           "in",
                           upstream_.ca);
        break;
      case Stage::kAuth:
        advice = upstream_.provider->username_hint.empty()
                     ? "check username and password"
                     : fmt::format("check username and password; the user name is {}",
                                   upstream_.provider->username_hint);
        break;
      case Stage::kGreeting:
        advice = attempt.reply ? "try again later, or ask whoever runs the server"
                               : "check host, port and tls of the upstream";
        break;
      default:
        advice = "ask whoever runs the server";
        break;
    }
    subject_.fault(relay::name(attempt.stage), std::move(what), std::move(advice));
  }

  runtime::Loop& loop_;
  const std::string hostname_;
  const runtime::ResolverSettings resolver_;
  const WallTime now_;
  const Upstream& upstream_;
  const relay::TlsFiles& files_;
  Subject subject_;
  std::vector<SocketAddress> addresses_;
};

}  // namespace

Task<void> examine_upstream(const UpstreamExamination& examination,
                            const config::Upstream& upstream, const relay::TlsFiles& files,
                            Report& report) {
  Examination one(examination, upstream, files, report);
  co_await one.run();
}

}  // namespace sallyport::doctor
