// What the process asks of the operating system before anything else runs.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/config/config.h"

namespace sallyport::server {

/// Keeps what this process reads from other processes: no core dumps, and none may trace it or read
/// its memory. For every command that sees a password or a key, before it does.
void protect_process();

/// Sets up this process for serving: protected, with as many descriptors as the hard limit allows,
/// SIGPIPE and SIGXFSZ ignored, an allocator that gives memory back, and a thread pool with room
/// for name look-ups and file access side by side. To be called once, before any thread is started.
void prepare_process();

/// Ends the process at once, whatever its threads do: the last resort when one of them hangs.
/// `last_words`, a short line, go to standard error if it takes them without waiting.
[[noreturn]] void leave(int exit_code, std::string_view last_words);

/// How many descriptors this process may have open at once.
std::uint64_t descriptor_limit();

/// How many it has open now.
std::uint64_t descriptors_open();

/// How descriptors are shared out.
struct DescriptorPlan {
  std::uint64_t wanted = 0;   ///< When everything that the config allows is in use.
  std::uint32_t clients = 0;  ///< Client connections there is room for: `max_connections` or fewer.

  bool operator==(const DescriptorPlan&) const = default;
};

/// Shares out `limit` descriptors, `own` of which belong to the process itself: a client needs one,
/// and a second while its message is in a file; the rest is for connections to upstreams. Where
/// there are too few for all that `config` allows, clients give way, so that those who are let in
/// are served.
DescriptorPlan plan_descriptors(const config::Config& config, std::uint64_t limit,
                                std::uint64_t own);

/// Threads of the pool that `prepare_process` asks for.
unsigned pool_threads();

}  // namespace sallyport::server
