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

constexpr std::string_view kExposition = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kIndex =
    "/metrics  what was counted, for Prometheus\n"
    "/livez    200 while the process works; otherwise restart it\n"
    "/readyz   200 when clients are served; otherwise send them elsewhere\n";

Response verdict(const Result<void>& checked) {
  if (checked) return {.body = "ok\n"};
  return {.status = 503, .body = checked.error().text + '\n'};
}

}  // namespace

Endpoint::Endpoint(Loop& loop, std::unique_ptr<TcpListener> listener, Sources sources,
                   Options options)
    : loop_(loop),
      listener_(std::move(listener)),
      sources_(std::move(sources)),
      options_(options),
      group_(loop),
      stopped_(loop) {}

Task<void> Endpoint::serve() {
  while (!stopped_.is_set()) {
    auto accepted = co_await listener_->accept();
    if (!accepted) {
      if (accepted.error().code == ErrorCode::kCancelled) break;
      (void)co_await stopped_.wait(loop_.after(seconds(1)));  // out of descriptors: try again
      continue;
    }
    if (!make_room()) {
      continue;
    }
    connections_.push_back({.stream = std::move(*accepted).stream(loop_), .parser = {}});
    group_.spawn(converse(std::prev(connections_.end())));
  }
}

Task<void> Endpoint::stop() {
  stopped_.set();
  listener_->interrupt();
  for (auto& connection : connections_) connection.stream->interrupt();
  (void)co_await group_.join();
}

// A scraper that went away without a word must not keep probes out.
bool Endpoint::make_room() {
  if (connections_.size() < options_.max_connections) return true;
  const auto idle = std::ranges::find_if(connections_, &Connection::idle);
  if (idle == connections_.end()) return false;
  idle->idle = false;
  idle->stream->interrupt();
  return true;
}

Task<void> Endpoint::converse(Connections::iterator connection) {
  while (true) {
    const auto read = co_await read_request(*connection);
    Request request{.method = Method::kGet, .path = {}, .keep_alive = false};
    Response response;
    if (!read) {
      response = refuse(read.error());
    } else if (const auto& whole = *read; whole.has_value()) {
      request = *whole;
      response = co_await answer(request.path);
    } else {
      break;
    }
    const bool keep_alive = request.keep_alive && !stopped_.is_set();

    const std::string head = head_of(response, keep_alive, std::chrono::system_clock::now());
    const std::array<std::string_view, 2> pieces = {
        head, request.method == Method::kHead ? std::string_view() : response.body};
    const auto written =
        co_await connection->stream->write(pieces, loop_.after(options_.request_timeout));
    if (!written || !keep_alive) break;
  }
  co_await connection->stream->finish(loop_.after(seconds(1)));
  connections_.erase(connection);
}

/// The next request; nullopt when there will be none.
Task<std::expected<std::optional<Request>, Refusal>> Endpoint::read_request(
    Connection& connection) {
  TimePoint deadline = loop_.after(options_.idle_timeout);
  connection.idle = true;
  while (true) {
    auto request = connection.parser.next();
    const bool was_idle = std::exchange(
        connection.idle, connection.parser.empty() && request && !request->has_value());
    if (!request || request->has_value()) co_return request;
    if (was_idle && !connection.idle) deadline = loop_.after(options_.request_timeout);
    const auto octets = co_await connection.stream->read(deadline);
    if (!octets) co_return std::nullopt;
    connection.parser.append(*octets);
  }
}

Task<Response> Endpoint::answer(std::string_view path) {
  if (path == "/metrics") {
    Response response{.body = {}, .content_type = kExposition};
    response.body = co_await loop_.offload(sources_.metrics);
    co_return response;
  }
  if (path == "/livez") co_return verdict(sources_.live());
  if (path == "/readyz") co_return verdict(sources_.ready());
  if (path == "/") co_return Response{.body = kIndex};
  co_return Response{.status = 404, .body = "Not Found; / lists what there is\n"};
}

}  // namespace sallyport::admin
