#include "proxy/server/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

#include "proxy/runtime/cpus.h"

namespace sallyport::server {

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

unsigned pool_threads() { return std::max(4u, runtime::available_cpus() + 3); }

}  // namespace sallyport::server
