// The HTTP endpoint for monitoring: /metrics, /livez, /readyz. It asks nobody for a password and
// tells the names of users: it belongs on loopback or on an address that only the monitoring
// reaches.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "proxy/admin/http_request.h"
#include "proxy/admin/http_response.h"
#include "proxy/base/result.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task_group.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::admin {

/// Where the answers come from. All must stay callable until `stop` has returned.
struct Sources {
  /// The page of /metrics. Called on the thread pool, perhaps by several threads at once.
  std::function<std::string()> metrics;
  /// Do the process's loops turn? If not, the error's text says which doesn't: whoever watches
  /// /livez restarts the process then.
  std::function<Result<void>()> live;
  /// Would a client that connects now be served? The error's text says why not: starting, draining.
  std::function<Result<void>()> ready;
};

/// Serves HTTP on one listener. Belongs to one loop.
class Endpoint {
 public:
  struct Options {
    std::size_t max_connections = 32;  ///< Past it the one that idles longest makes room.
    Duration request_timeout = std::chrono::seconds(10);  ///< From a request's first octet to its
                                                          ///< end, and for each answer.
    Duration idle_timeout = std::chrono::seconds(90);     ///< More than most scrape intervals.
  };

  Endpoint(runtime::Loop& loop, std::unique_ptr<runtime::TcpListener> listener, Sources sources,
           Options options);
  Endpoint(runtime::Loop& loop, std::unique_ptr<runtime::TcpListener> listener, Sources sources)
      : Endpoint(loop, std::move(listener), std::move(sources), Options()) {}

  /// Begins to accept and answer, soon.
  void start() { group_.spawn(serve()); }
  /// Ends it, and returns when all has ended: what is being answered is answered, connections that
  /// idle are closed. Must be called before it dies if it was started.
  runtime::Task<void> stop();

  /// The address it listens on.
  runtime::SocketAddress local() const { return listener_->local(); }

 private:
  struct Connection {
    std::unique_ptr<runtime::TcpStream> stream;
    RequestParser parser;
    bool idle = true;  // between two requests
  };
  using Connections = std::list<Connection>;

  runtime::Task<void> serve();
  bool make_room();
  runtime::Task<void> converse(Connections::iterator connection);
  runtime::Task<std::expected<std::optional<Request>, Refusal>> read_request(
      Connection& connection);
  runtime::Task<Response> answer(std::string_view path);

  runtime::Loop& loop_;
  const std::unique_ptr<runtime::TcpListener> listener_;
  const Sources sources_;
  const Options options_;
  runtime::TaskGroup group_;
  Connections connections_;
  runtime::Event stopped_;
};

}  // namespace sallyport::admin
