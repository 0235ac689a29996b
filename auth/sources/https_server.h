// A server that a source asks: its requests, its roots, and the token we show it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/config/oauth.h"
#include "proxy/http/client.h"
#include "proxy/runtime/loop.h"

namespace sallyport::auth {

/// Thread-safe; it outlives what it is asked for.
class HttpsServer {
 public:
  struct Options {
    std::string ca = {};              ///< PEM; empty: the system's roots.
    config::SecretSource token = {};  ///< "Authorization: Bearer"; a file is read for each request.
    std::size_t requests = 8;         ///< At one time.
  };

  explicit HttpsServer(Options options)
      : options_(std::move(options)), client_(options_.requests) {}

  /// The answer, by `deadline`; see http::Client::send.
  runtime::Task<Result<http::Response>> send(runtime::Loop& loop, http::Request request,
                                             TimePoint deadline);
  /// The same on the calling thread, which must be none of a loop.
  Result<http::Response> send_here(http::Request request, Duration at_most) const;

  void run(std::function<void()> work) { client_.run(std::move(work)); }
  void cut_off() { client_.cut_off(); }

 private:
  const Options options_;
  http::Client client_;
};

}  // namespace sallyport::auth
