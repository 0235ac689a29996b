#include "proxy/submission/acceptor.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/config/values.h"
#include "proxy/submission/replies.h"

namespace sallyport::submission {
namespace {

// Out of descriptors: accepting again at once would only burn the CPU that ends sessions.
constexpr auto kBackOff = std::chrono::milliseconds(100);
// A client's connection holds at most so much that the client has not taken: replies are short, and
// a client that sends commands and reads none of them should not fill the kernel's memory.
constexpr int kMostUntaken = 16 * 1024;
// The condition can last for hours, so the message is rate-limited.
constexpr auto kComplaintInterval = std::chrono::seconds(10);
// How long interrupted sessions have to say their goodbye.
constexpr auto kGoodbyeTime = std::chrono::seconds(1);

constexpr std::string_view kNoDescriptor =
    "Too many open files: the limit on open files (RLIMIT_NOFILE) is reached, so clients are "
    "refused";

}  // namespace

Acceptor::Acceptor(Context& context, ConnectionCount& connections)
    : context_(context), connections_(connections), tasks_(context.loop) {}

Acceptor::~Acceptor() = default;

std::vector<config::Problem> Acceptor::prepare(SessionSnapshot snapshot) {
  prepared_.reset();
  Prepared prepared{.snapshot = std::move(snapshot), .places = {}};
  const config::Config& config = *prepared.snapshot.config;
  std::vector<config::Problem> problems;
  for (const config::Listener& listener : config.listeners) {
    auto place = place_for(listener.address);
    if (place) {
      prepared.places.push_back(std::move(*place));
    } else {
      problems.push_back({.file = config.file,
                          .line = listener.origin.place.line,
                          .column = listener.origin.place.column,
                          .what = "listener: " + place.error().text});
    }
  }
  if (problems.empty()) prepared_.emplace(std::move(prepared));
  return problems;
}

void Acceptor::commit() {
  if (!prepared_) return;
  std::vector<std::shared_ptr<Door>> doors;
  for (Place& place : prepared_->places) {
    if (!place.door) {
      const config::Endpoint& at = prepared_->snapshot.config->listeners[doors.size()].address;
      place.door =
          std::make_shared<Door>(context_.loop, at, context_.metrics.for_listener(config::str(at)),
                                 std::move(place.listener));
      tasks_.spawn(accept_at(place.door));
    }
    place.door->index = doors.size();
    doors.push_back(std::move(place.door));
  }
  for (const auto& door : doors_) {
    if (std::ranges::find(doors, door) == doors.end()) close(*door);
  }
  doors_ = std::move(doors);
  snapshot_ = std::move(prepared_->snapshot);
  prepared_.reset();
  for (Session& session : sessions_) session.check_login();
}

Result<Acceptor::Place> Acceptor::place_for(const config::Endpoint& endpoint) const {
  const auto known =
      std::ranges::find_if(doors_, [&](const auto& door) { return door->endpoint == endpoint; });
  if (known != doors_.end()) return Place{.door = *known, .listener = nullptr};
  const auto address = runtime::SocketAddress::parse(endpoint.host, endpoint.port);
  if (!address) return fail(address.error());
  auto listener = runtime::TcpListener::listen(context_.loop, *address);
  if (!listener) return fail(listener.error());
  (*listener)->bound_sends(kMostUntaken);
  return Place{.door = nullptr, .listener = std::move(*listener)};
}

runtime::Task<void> Acceptor::accept_at(std::shared_ptr<Door> door) {
  Throttle complaints(1, kComplaintInterval);
  const auto complain = [&](std::string_view error) {
    if (const auto suppressed = complaints.pass(context_.loop.now())) {
      context_.logger.write(log::Level::kError, "accept",
                            {{"listener", config::str(door->endpoint)},
                             {"error", error},
                             {"suppressed", *suppressed}});
    }
  };
  while (!door->closing.is_set()) {
    auto arrival = co_await door->listener->accept();
    if (arrival) {
      if (arrival->is_last_resort()) complain(kNoDescriptor);
      accept(*door, std::move(*arrival));
    } else if (arrival.error().code != ErrorCode::kCancelled) {
      complain(arrival.error().text);
      (void)co_await door->closing.wait(context_.loop.after(kBackOff));
    }
  }
}

void Acceptor::accept(Door& door, runtime::Arrival arrival) {
  door.metrics.connections.add();
  const config::Listener& settings = snapshot_.config->listeners[door.index];
  const IpAddress client = arrival.peer().ip_address();
  NetworkCount::Slot network;
  const auto refusal = arrival.is_last_resort() ? std::optional(metrics::Refusal::kDescriptors)
                                                : check_limits(settings, client, network);
  if (refusal) {
    door.metrics.connections_refused[*refusal].add();
    // A client that speaks TLS first could not read it, and who must not be here need not know why.
    if (settings.tls != config::TlsMode::kImplicit &&
        *refusal != metrics::Refusal::kProxyProtocol) {
      arrival.say(replies::kTooManyConnections);
    }
    context_.refusals.refused(context_.logger, context_.loop.now(), *refusal,
                              {.listener = door.endpoint, .ip = client.str()});
    return;
  }
  sessions_.emplace_back(context_, snapshot_, Gate{settings, door.metrics},
                         std::move(arrival).stream(context_.loop), client.str(),
                         std::move(network));
  tasks_.spawn(host(std::prev(sessions_.end())));
}

std::optional<metrics::Refusal> Acceptor::check_limits(const config::Listener& settings,
                                                       const IpAddress& client,
                                                       NetworkCount::Slot& network) {
  using enum metrics::Refusal;
  const config::Session& limits = snapshot_.config->session;
  if (!connections_.take(limits.max_connections)) return kProcess;
  if (!settings.proxy_protocol.empty()) {
    // Who the client is its header will say: the session asks for it.
    const bool trusted = std::ranges::any_of(
        settings.proxy_protocol, [&](const IpNetwork& from) { return from.contains(client); });
    if (trusted) return std::nullopt;
    connections_.give_back();
    return kProxyProtocol;
  }
  auto slot = context_.networks.take(client, limits.max_connections_per_network,
                                     limits.max_unauthenticated_per_network);
  if (!slot) {
    connections_.give_back();
    return kNetwork;
  }
  network = std::move(*slot);
  return std::nullopt;
}

runtime::Task<void> Acceptor::host(std::list<Session>::iterator session) {
  co_await session->run();
  sessions_.erase(session);
  connections_.give_back();
}

void Acceptor::close(Door& door) {
  door.closing.set();
  door.listener->interrupt();
}

void Acceptor::stop_listening() {
  prepared_.reset();
  for (const auto& door : doors_) close(*door);
  doors_.clear();
}

runtime::Task<Result<void>> Acceptor::drain(TimePoint deadline) {
  stop_listening();
  for (Session& session : sessions_) session.drain();
  auto ended = co_await tasks_.join(deadline);
  if (ended) co_return ended;
  hang_up();
  co_return co_await tasks_.join(context_.loop.after(kGoodbyeTime));
}

void Acceptor::hang_up() {
  stop_listening();
  for (Session& session : sessions_) session.hang_up();
}

void Acceptor::abort() {
  stop_listening();
  for (Session& session : sessions_) session.abort();
}

std::vector<runtime::SocketAddress> Acceptor::addresses() const {
  std::vector<runtime::SocketAddress> addresses;
  addresses.reserve(doors_.size());
  for (const auto& door : doors_) addresses.push_back(door->listener->local());
  return addresses;
}

}  // namespace sallyport::submission
