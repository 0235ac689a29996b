#include "proxy/admin/endpoint.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace sallyport::admin {

using runtime::Loop;
using runtime::Task;
using runtime::TcpListener;
using std::chrono::seconds;

namespace {

// Out of descriptors: when to try again.
constexpr Duration kBackOff = std::chrono::milliseconds(100);

}  // namespace

Endpoint::Endpoint(Loop& loop, std::unique_ptr<TcpListener> listener, std::vector<Page> pages,
                   Options options)
    : loop_(loop),
      listener_(std::move(listener)),
      pages_(std::move(pages)),
      options_(options),
      group_(loop),
      stopped_(loop) {}

Task<void> Endpoint::serve() {
  while (!stopped_.is_set()) {
    auto accepted = co_await listener_->accept();
    if (!accepted) {
      if (accepted.error().code == ErrorCode::kCancelled) break;
      // Out of descriptors: close an idle connection so that the next probe can be accepted.
      make_room(kBackOff);
      (void)co_await stopped_.wait(loop_.after(kBackOff));
      continue;
    }
    if (connections_.size() - leaving_ >= options_.max_connections) make_room(Duration::zero());
    connections_.push_back({.stream = std::move(*accepted).stream(loop_),
                            .parser = {},
                            .waiting = Waiting::kForRequest,
                            .since = loop_.now()});
    group_.spawn(converse(std::prev(connections_.end())));
  }
}

Task<void> Endpoint::stop() {
  stopped_.set();
  listener_->interrupt();
  for (auto& connection : connections_) connection.stream->interrupt();
  (void)co_await group_.join();
}

// Silent clients and clients with half a request must not keep probes out.
void Endpoint::make_room(Duration least) {
  const auto rank = [](const Connection& each) { return std::pair(each.waiting, each.since); };
  const auto spared = std::ranges::min_element(connections_, {}, rank);
  if (spared == connections_.end() || spared->waiting >= Waiting::kForUs) return;
  if (loop_.now() - spared->since < least) return;
  // An orderly end waits up to a second for the peer: only a bounded number may do so.
  const bool orderly =
      spared->waiting != Waiting::kForReader && leaving_ < options_.max_connections;
  wait_for(*spared, Waiting::kForNothing);
  ++leaving_;
  orderly ? spared->stream->interrupt() : spared->stream->abort();
}

void Endpoint::wait_for(Connection& connection, Waiting what) {
  // A connection that was told to end stays in that state.
  if (connection.waiting == Waiting::kForNothing) return;
  connection.waiting = what;
  connection.since = loop_.now();
}

Task<void> Endpoint::converse(Connections::iterator connection) {
  while (true) {
    const auto read = co_await read_request(*connection);
    Request request;
    request.keep_alive = false;
    Response response;
    if (!read) {
      response = refuse(read.error());
    } else if (const auto& whole = *read; whole.has_value()) {
      request = *whole;
      wait_for(*connection, Waiting::kForUs);
      response = co_await answer(request);
    } else {
      break;
    }
    const bool keep_alive = request.keep_alive && !stopped_.is_set();

    const std::string head = head_of(response, keep_alive, std::chrono::system_clock::now());
    const std::array<std::string_view, 2> pieces = {
        head, request.method == Method::kHead ? std::string_view() : response.body};
    wait_for(*connection, Waiting::kForReader);
    const auto written =
        co_await connection->stream->write(pieces, loop_.after(options_.request_timeout));
    if (!written || !keep_alive) break;
  }
  if (connection->waiting != Waiting::kForNothing) {
    connection->waiting = Waiting::kForNothing;
    ++leaving_;
  }
  co_await connection->stream->finish(loop_.after(seconds(1)));
  --leaving_;
  connections_.erase(connection);
}

/// The next request; nullopt when there will be none.
Task<std::expected<std::optional<Request>, HttpError>> Endpoint::read_request(
    Connection& connection) {
  TimePoint deadline = loop_.after(options_.idle_timeout);
  wait_for(connection, Waiting::kForRequest);
  bool begun = false;
  while (true) {
    auto request = connection.parser.next();
    if (!request || request->has_value()) co_return request;
    if (!connection.parser.empty() && !std::exchange(begun, true)) {
      deadline = loop_.after(options_.request_timeout);
    }
    const auto octets = co_await connection.stream->read(deadline);
    if (!octets) co_return std::nullopt;
    connection.parser.append(*octets);
  }
}

Task<Response> Endpoint::answer(const Request& request) {
  const auto page = std::ranges::find(pages_, request.path, &Page::path);
  if (page == pages_.end()) {
    if (request.path == "/") co_return index();
    co_return Response{.status = 404, .body = "Not Found; / lists what there is\n"};
  }
  if (!page->takes_a_while) co_return page->make(request);
  co_return co_await loop_.offload([&make = page->make, &request] { return make(request); });
}

Response Endpoint::index() const {
  std::size_t width = 0;
  for (const Page& page : pages_) width = std::max(width, page.path.size());
  Response response;
  for (const Page& page : pages_) {
    response.body += page.path + std::string(width - page.path.size() + 2, ' ') + page.summary;
    response.body += '\n';
  }
  return response;
}

}  // namespace sallyport::admin
