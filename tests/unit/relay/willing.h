// An upstream that takes all mail, at a distance: for tests of many messages.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "proxy/base/clock.h"
#include "proxy/relay/dialer.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::relay {

/// What the upstreams of all workers count together.
struct Count {
  std::atomic<int> open{0};
  std::atomic<int> most{0};
  std::atomic<int> opened{0};
  std::atomic<int> messages{0};
};

/// How it behaves.
struct Manner {
  Duration late = std::chrono::microseconds(200);  ///< Before each of its answers.
  /// Connections that it takes at one time: it turns away the others in its greeting.
  int most_connections = 1 << 30;
  std::string_view too_many = "421 4.3.2 Too many concurrent connections";
  /// Called before each answer, but for that to the final dot. True: it resets the connection.
  std::function<bool()> resets = [] { return false; };
};

/// Dials such an upstream, which offers PIPELINING and nothing else, and needs no TLS. Its
/// connections are served in `group`; all arguments outlive it.
std::unique_ptr<Dialer> dial_willing(runtime::Loop& loop, runtime::TaskGroup& group, Count& count,
                                     const Manner& manner);

}  // namespace sallyport::relay
