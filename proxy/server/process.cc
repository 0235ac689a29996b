#include "proxy/server/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

#include "proxy/runtime/cpus.h"

namespace sallyport::server {
namespace {

// Loops, listeners, log, admin endpoint, name look-ups, files of a reload.
constexpr std::uint64_t kOwnDescriptors = 256;

}  // namespace

void prepare_process() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // A core_pattern that pipes to a program ignores the limit; it respects this.
  prctl(PR_SET_DUMPABLE, 0);

  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
  }

  std::signal(SIGPIPE, SIG_IGN);

  // libuv reads this once. Hashing is bounded to fewer than all threads (auth::HashingQueue).
  setenv("UV_THREADPOOL_SIZE", std::to_string(pool_threads()).c_str(), 1);
}

std::uint64_t descriptor_limit() {
  rlimit descriptors{};
  return getrlimit(RLIMIT_NOFILE, &descriptors) == 0 ? descriptors.rlim_cur : 0;
}

std::uint64_t descriptors_wanted(const config::Config& config) {
  // Of messages that are in a file no more are held than the budget has room for.
  const std::uint64_t files =
      config.message.budget / std::max<std::uint64_t>(config.message.memory_threshold, 1);
  std::uint64_t wanted = kOwnDescriptors + config.session.max_connections +
                         std::min<std::uint64_t>(files, config.session.max_connections);
  for (const config::Upstream& upstream : config.upstreams) {
    if (!upstream.provider->capture) wanted += upstream.max_connections;
  }
  return wanted;
}

unsigned pool_threads() { return std::max(4u, runtime::available_cpus() + 3); }

}  // namespace sallyport::server
