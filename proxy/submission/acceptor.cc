#include "proxy/submission/acceptor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/submission/replies.h"

namespace sallyport::submission {
namespace {

// Out of descriptors: accepting again at once would only burn the CPU that ends sessions.
constexpr auto kBackOff = std::chrono::milliseconds(100);
// How long interrupted sessions have to say their goodbye.
constexpr auto kGoodbyeTime = std::chrono::seconds(1);

/// As configured: "[::]:465". The name of the listener in metrics and logs.
std::string name(const config::Endpoint& endpoint) {
  const bool v6 = endpoint.host.contains(':');
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", endpoint.host, v6 ? "]" : "", endpoint.port);
}

}  // namespace

Acceptor::Acceptor(Context& context, ConnectionCount& connections)
    : context_(context), connections_(connections), tasks_(context.loop) {}

Acceptor::~Acceptor() = default;

Result<void> Acceptor::apply(Snapshot snapshot) {
  std::vector<std::shared_ptr<Door>> doors;
  std::string problems;
  const auto& listeners = snapshot.config->listeners;
  for (std::size_t index = 0; index < listeners.size(); ++index) {
    auto door = open(listeners[index].address);
    if (door) {
      (*door)->index = index;
      doors.push_back(std::move(*door));
    } else {
      problems += (problems.empty() ? "" : "; ") + door.error().text;
    }
  }
  for (const auto& door : doors_) {
    if (std::ranges::find(doors, door) == doors.end()) close(*door);
  }
  doors_ = std::move(doors);
  snapshot_ = std::move(snapshot);
  if (!problems.empty()) return fail(ErrorCode::kSystem, std::move(problems));
  return {};
}

Result<std::shared_ptr<Acceptor::Door>> Acceptor::open(const config::Endpoint& endpoint) {
  const auto known =
      std::ranges::find_if(doors_, [&](const auto& door) { return door->endpoint == endpoint; });
  if (known != doors_.end()) return *known;
  const auto address = runtime::SocketAddress::parse(endpoint.host, endpoint.port);
  if (!address) return fail(address.error());
  auto listener = runtime::TcpListener::listen(context_.loop, *address);
  if (!listener) return fail(listener.error());
  auto door = std::make_shared<Door>(
      context_.loop, endpoint, context_.metrics.for_listener(name(endpoint)), std::move(*listener));
  tasks_.spawn(accept_at(door));
  return door;
}

runtime::Task<void> Acceptor::accept_at(std::shared_ptr<Door> door) {
  while (!door->closing.is_set()) {
    auto stream = co_await door->listener->accept();
    if (stream) {
      co_await welcome(*door, std::move(*stream));
    } else if (stream.error().code != ErrorCode::kCancelled) {
      context_.logger.write(log::Level::kError, "accept",
                            {{"listener", name(door->endpoint)}, {"reason", stream.error().text}});
      (void)co_await door->closing.wait(context_.loop.after(kBackOff));
    }
  }
}

runtime::Task<void> Acceptor::welcome(Door& door, std::unique_ptr<runtime::TcpStream> stream) {
  door.metrics.connections.add();
  const config::Listener& settings = snapshot_.config->listeners[door.index];
  if (!connections_.take(snapshot_.config->session.max_connections)) {
    door.metrics.connections_refused.add();
    // One write into an empty socket buffer: it does not wait. A client that speaks TLS first could
    // not read it.
    if (settings.tls != config::TlsMode::kImplicit) {
      (void)co_await stream->write(replies::kTooManyConnections, context_.loop.now());
    }
    co_return;
  }
  std::string client_ip = stream->peer().ip();
  sessions_.emplace_back(context_, snapshot_, Gate{settings, door.metrics}, std::move(stream),
                         std::move(client_ip));
  tasks_.spawn(host(std::prev(sessions_.end())));
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
  for (const auto& door : doors_) close(*door);
  doors_.clear();
}

runtime::Task<Result<void>> Acceptor::drain(TimePoint deadline) {
  stop_listening();
  for (Session& session : sessions_) session.drain();
  auto ended = co_await tasks_.join(deadline);
  if (ended) co_return ended;
  for (Session& session : sessions_) session.hang_up();
  co_return co_await tasks_.join(context_.loop.after(kGoodbyeTime));
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
