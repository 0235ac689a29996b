// The pages for monitoring: /metrics, /livez, /readyz. They tell the names of users: they belong on
// loopback or on an address that only the monitoring reaches.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "proxy/admin/endpoint.h"
#include "proxy/base/result.h"

namespace sallyport::admin {

/// Where the answers come from. All must stay callable as long as the pages.
struct Sources {
  /// The page of /metrics. Called on the thread pool, perhaps by several threads at once.
  std::function<std::string()> metrics;
  /// Do the process's loops turn? If not, the error's text says which doesn't: whoever watches
  /// /livez restarts the process then.
  std::function<Result<void>()> live;
  /// Would a client that connects now be served? The error's text says why not: starting, draining.
  std::function<Result<void>()> ready;
};

std::vector<Page> monitoring_pages(Sources sources);

}  // namespace sallyport::admin
