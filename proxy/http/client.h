// Requests to HTTPS servers, off the loop: access tokens, and whatever else is asked of others. The
// sole user of libcurl. The other side's certificate is always verified, no redirect is followed,
// and no proxy is taken from the environment.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/threads.h"

namespace sallyport::http {

struct Header {
  std::string name;
  std::string value;
};

/// One request. What is secret in it is in `body` or in `secret_headers`.
struct Request {
  std::string method = "GET";
  std::string url;  ///< https, or http to this machine (a literal loopback address).
  std::vector<Header> headers = {};
  std::vector<Secret> secret_headers = {};  ///< Whole lines: "Authorization: Bearer …".
  Secret body = {};                         ///< Sent with any method but GET and HEAD.
  std::string ca = {};                      ///< PEM: the roots to trust; empty: the system's.
  std::string proxy = {};                   ///< URL of an HTTP proxy; empty: none.
  std::size_t most = 1u << 20;              ///< Octets of an answer's body; a longer one is kLimit.
};

/// An answer of whatever status: a redirect or an error of the server is one as well.
struct Response {
  int status = 0;
  std::vector<Header> headers;
  std::string body;

  /// The first field of that name, without regard to case; empty: there is none.
  std::string_view header(std::string_view name) const;
};

/// Sends requests on threads of its own. Thread-safe. It must outlive what it is asked for.
class Client {
 public:
  /// So many requests are under way at one time; others wait for a thread, within their deadline.
  explicit Client(std::size_t threads = 4);
  /// Ends what is under way, within a second or so.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The answer, by `deadline`. kTimeout; kTls: the server's certificate is not accepted, or TLS
  /// failed; kNetwork: it was not reached, or the connection was lost; kProtocol: what came is no
  /// HTTP; kLimit: the body is too long; kInvalid: the request cannot be sent; kCancelled: we are
  /// stopping. No text of an error holds anything of the body or of a header.
  runtime::Task<Result<Response>> send(runtime::Loop& loop, Request request, TimePoint deadline);

  /// The same on the calling thread, which must be none of a loop.
  Result<Response> send_here(const Request& request, Duration at_most) const;

  /// Runs `work`, which may call `send_here`, on one of the threads.
  void run(std::function<void()> work) { threads_.run(std::move(work)); }

  /// Ends what is under way, and refuses what comes.
  void cut_off() { stopping_ = true; }

 private:
  std::atomic<bool> stopping_ = false;
  runtime::Threads threads_;  // ends first: its work looks at stopping_
};

}  // namespace sallyport::http
