// What the process asks of the operating system before anything else runs.
#pragma once

namespace sallyport::server {

/// Sets up this process for serving: no core dumps (they would hold passwords), as many descriptors
/// as the hard limit allows, SIGPIPE ignored, and a thread pool with room for password hashing and
/// DNS side by side. To be called once, before any thread is started.
void prepare_process();

/// Threads of the pool that `prepare_process` asks for.
unsigned pool_threads();

}  // namespace sallyport::server
