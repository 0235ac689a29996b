// Keeps a few connections to an upstream ready, so that the first message after a pause does not
// wait for DNS, TCP, TLS and AUTH.
#pragma once

#include <cstdint>

#include "proxy/relay/pool.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::relay {

/// Looks each second whether the process has fewer than `least` connections to the upstream, and
/// opens one of those that lack. All workers look: whose turn comes first opens it. After a failure
/// it waits longer and longer, a minute at most; failures are counted in the metrics as any
/// other's, and leave the state of the upstream to the messages. It must be drained before it dies,
/// and before its pool is.
class WarmMinimum {
 public:
  /// `least` 0: does nothing. The pool outlives it.
  WarmMinimum(runtime::Loop& loop, Pool& pool, std::uint32_t least);

  /// Opens none from now on.
  void stop() { stop_.set(); }
  /// Stops, and waits for the one that is being opened.
  runtime::Task<void> drain();

 private:
  runtime::Task<void> keep(std::uint32_t least);

  runtime::Loop& loop_;
  Pool& pool_;
  runtime::Event stop_;
  runtime::TaskGroup tasks_;
};

}  // namespace sallyport::relay
