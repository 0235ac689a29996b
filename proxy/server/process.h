// What the process asks of the operating system before anything else runs.
#pragma once

#include <cstdint>

#include "proxy/config/config.h"

namespace sallyport::server {

/// Keeps what this process reads from other processes: no core dumps, and none may trace it or read
/// its memory. For every command that sees a password or a key, before it does.
void protect_process();

/// Sets up this process for serving: protected, with as many descriptors as the hard limit allows,
/// SIGPIPE ignored, and a thread pool with room for name look-ups and file access side by side. To
/// be called once, before any thread is started.
void prepare_process();

/// How many descriptors this process may have open at once.
std::uint64_t descriptor_limit();

/// How many it wants when everything `config` allows is in use: client connections, one file each
/// for large content, connections to upstreams, and what a process needs.
std::uint64_t descriptors_wanted(const config::Config& config);

/// Threads of the pool that `prepare_process` asks for.
unsigned pool_threads();

}  // namespace sallyport::server
