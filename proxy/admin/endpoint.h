// An HTTP endpoint: pages by their path, on one listener. It asks nobody for a password: who may
// reach the listener decides what pages it may have.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/admin/http_request.h"
#include "proxy/admin/http_response.h"
#include "proxy/base/result.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task_group.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::admin {

/// One page: where it is, what it is for, and what makes it.
struct Page {
  std::string path;     ///< "/metrics".
  std::string summary;  ///< In the list at `/`.
  /// Must stay callable until `Endpoint::stop` has returned.
  std::function<Response(const Request&)> make;
  /// It takes a while, so it is made on the thread pool, perhaps on several threads at once; or on
  /// the endpoint's loop.
  bool takes_a_while = false;
};

/// Serves HTTP on one listener. Belongs to one loop.
class Endpoint {
 public:
  struct Options {
    /// Past it the one that has waited for its client's request, or the rest of it, for longest
    /// makes room; if none does, one that does not take its answer.
    std::size_t max_connections = 32;
    Duration request_timeout = std::chrono::seconds(5);  ///< From a request's first octet to its
                                                         ///< end, and for each answer.
    Duration idle_timeout = std::chrono::seconds(90);    ///< More than most scrape intervals.
  };

  /// Beside `pages` there is a list of them at `/`.
  Endpoint(runtime::Loop& loop, std::unique_ptr<runtime::TcpListener> listener,
           std::vector<Page> pages, Options options);
  Endpoint(runtime::Loop& loop, std::unique_ptr<runtime::TcpListener> listener,
           std::vector<Page> pages)
      : Endpoint(loop, std::move(listener), std::move(pages), Options()) {}

  /// Begins to accept and answer, soon.
  void start() { group_.spawn(serve()); }
  /// Ends it, and returns when all has ended: what is being answered is answered, connections that
  /// idle are closed. Must be called before it dies if it was started.
  runtime::Task<void> stop();

  /// Lets the process that comes after this one listen on the same address.
  void share() { listener_->share(); }
  /// The address it listens on.
  runtime::SocketAddress local() const { return listener_->local(); }

 private:
  /// What a connection waits for, in the order in which connections make room.
  enum class Waiting : std::uint8_t {
    kForRequest,  // or for the rest of it
    kForReader,   // the answer is not taken yet
    kForUs,       // the answer is being made
    kForNothing,  // it was told to end
  };
  struct Connection {
    std::unique_ptr<runtime::TcpStream> stream;
    RequestParser parser;
    Waiting waiting = Waiting::kForRequest;
    TimePoint since = {};  // that it waits for this
  };
  using Connections = std::list<Connection>;

  runtime::Task<void> serve();
  /// Ends the connection that can be spared best, if any can that has waited for `least`.
  void make_room(Duration least);
  void wait_for(Connection& connection, Waiting what);
  runtime::Task<void> converse(Connections::iterator connection);
  runtime::Task<std::expected<std::optional<Request>, HttpError>> read_request(
      Connection& connection);
  runtime::Task<Response> answer(const Request& request);
  Response index() const;

  runtime::Loop& loop_;
  const std::unique_ptr<runtime::TcpListener> listener_;
  const std::vector<Page> pages_;
  const Options options_;
  runtime::TaskGroup group_;
  Connections connections_;
  std::size_t leaving_ = 0;  // of these, told to end
  runtime::Event stopped_;
};

}  // namespace sallyport::admin
