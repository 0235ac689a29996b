// Before the first word: who the client is, when a proxy stands between us (proxy_protocol), and
// whether it lets us speak first.
#include <utility>

#include "proxy/net/proxy_protocol.h"
#include "proxy/submission/session.h"

namespace sallyport::submission {
namespace {

// Octets that are here need no time; a read wants a deadline all the same.
constexpr Duration kAtOnce = std::chrono::seconds(1);

}  // namespace

runtime::Task<bool> Session::enter(TimePoint deadline) {
  if (!gate_.settings.proxy_protocol.empty()) {
    const bool introduced = co_await introduce(deadline);
    if (!introduced) co_return false;
  }
  if (gate_.settings.tls == config::TlsMode::kImplicit) co_return true;
  co_return co_await lets_us_greet();
}

/// Reads the PROXY header. What comes behind it in the same read is the client's.
runtime::Task<bool> Session::introduce(TimePoint deadline) {
  using State = net::ProxyHeader::State;
  std::string octets;
  net::ProxyHeader header;
  while (header.state == State::kPartial) {  // at most kMostProxyHeader octets are
    const auto more = co_await first_octets(deadline);
    if (!more) {
      // A balancer that looks whether the port is open says nothing and goes, with FIN or RST.
      const bool said_nothing = octets.empty() && (more.error().code == ErrorCode::kClosed ||
                                                   more.error().code == ErrorCode::kNetwork);
      if (!said_nothing)
        record_refused_connection(metrics::Refusal::kProxyProtocol, more.error().text);
      co_return false;
    }
    octets += *more;
    header = net::parse_proxy_header(octets);
  }
  if (header.state == State::kFault) {
    record_refused_connection(metrics::Refusal::kProxyProtocol, header.reason);
    co_return false;
  }
  transport_->unread(std::string_view(octets).substr(header.size));
  if (header.client) client_ip_ = header.client->str();
  const config::Session& limits = config().session;
  auto slot = context_.networks.take(client_address(), limits.max_connections_per_network,
                                     limits.max_unauthenticated_per_network);
  if (!slot) {
    if (gate_.settings.tls != config::TlsMode::kImplicit) dialog_.say(replies::kTooManyConnections);
    record_refused_connection(metrics::Refusal::kNetwork);
    co_return false;
  }
  network_ = std::move(*slot);
  co_return true;
}

/// RFC 5321 section 4.3.1: a client waits for the greeting. One that sends before it is no mail
/// client, but a program that replays a fixed text. Without `greeting_delay` only octets that have
/// already arrived are seen; with it, the session waits that long for octets.
runtime::Task<bool> Session::lets_us_greet() {
  const Duration delay = gate_.settings.greeting_delay;
  if (delay == Duration::zero() && !transport_->has_arrived()) co_return true;
  const auto early = co_await first_octets(after(std::max(delay, kAtOnce)));
  if (!early && early.error().code == ErrorCode::kTimeout) co_return true;
  if (!early) {
    end(early.error());
  } else if (!reject_foreign_protocol(*early)) {
    disconnect(metrics::Offence::kEarlyTalker, replies::kEarlyTalker);
  }
  co_return false;
}

/// A read that a drain may interrupt.
runtime::Task<Result<std::string_view>> Session::first_octets(TimePoint deadline) {
  waiting_for_command_ = true;
  auto octets = co_await transport_->read(deadline);
  waiting_for_command_ = false;
  co_return octets;
}

}  // namespace sallyport::submission
