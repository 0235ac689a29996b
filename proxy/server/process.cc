#include "proxy/server/process.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

#include "proxy/runtime/cpus.h"
#include "proxy/server/memory.h"

namespace sallyport::server {
namespace {

// Where the system does not say how many descriptors are open.
constexpr std::uint64_t kUnknown = 64;

}  // namespace

void protect_process() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // A core_pattern that pipes to a program ignores the limit; it respects this.
  prctl(PR_SET_DUMPABLE, 0);
}

void prepare_process() {
  protect_process();

  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
  }

  bound_free_memory();

  std::signal(SIGPIPE, SIG_IGN);
  // Past RLIMIT_FSIZE a write should fail as on a full disk, which clients hear as 452.
  std::signal(SIGXFSZ, SIG_IGN);

  // libuv reads this once. Passwords are hashed on threads of their own (auth::HashingQueue).
  setenv("UV_THREADPOOL_SIZE", std::to_string(pool_threads()).c_str(), 1);
}

std::uint64_t descriptor_limit() {
  rlimit descriptors{};
  return getrlimit(RLIMIT_NOFILE, &descriptors) == 0 ? descriptors.rlim_cur : 0;
}

std::uint64_t descriptors_open() {
  std::error_code error;
  const std::filesystem::directory_iterator all("/proc/self/fd", error);
  // The iterator itself holds one. Without /proc: what a few workers need.
  return error ? kUnknown : static_cast<std::uint64_t>(std::distance(begin(all), end(all))) - 1;
}

DescriptorPlan plan_descriptors(const config::Config& config, std::uint64_t limit,
                                std::uint64_t own) {
  const std::uint64_t clients = config.session.max_connections;
  // No more messages are in a file than the budget has room for.
  const std::uint64_t files = std::min(
      clients, config.message.budget / std::max<std::uint64_t>(config.message.memory_threshold, 1));
  std::uint64_t upstream = 0;
  for (const config::Upstream& each : config.upstreams) {
    if (!each.provider->capture) upstream += each.max_connections;
  }
  DescriptorPlan plan{.wanted = own + clients + files + upstream,
                      .clients = config.session.max_connections};
  if (plan.wanted <= limit) return plan;
  const std::uint64_t left = limit - std::min(limit, own);
  // A client delivers one message at a time: more connections than clients are of no use.
  const std::uint64_t shared = left - std::min(upstream, left / 3);
  const std::uint64_t room = shared >= 2 * files ? shared - files : shared / 2;
  plan.clients = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(room, 1, clients));
  return plan;
}

void leave(int exit_code, std::string_view last_words) {
  pollfd standard_error{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  // A pipe that can be written to takes so few octets at once.
  if (!last_words.empty() && poll(&standard_error, 1, 0) == 1 &&
      (standard_error.revents & POLLOUT) != 0) {
    (void)!::write(STDERR_FILENO, last_words.data(), last_words.size());
  }
  ::_exit(exit_code);
}

unsigned pool_threads() { return std::max(4u, runtime::available_cpus() + 3); }

}  // namespace sallyport::server
