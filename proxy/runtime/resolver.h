// Host names to addresses, on the thread pool.
#pragma once

#include <string>
#include <vector>

#include "proxy/runtime/address.h"
#include "proxy/runtime/loop.h"

namespace sallyport::runtime {

/// The addresses of `host` in the resolver's order (RFC 6724), at least one. An IP literal is
/// answered without suspending. kNetwork names the host and the resolver's reason; on kTimeout the
/// look-up is left behind and its answer dropped.
Task<Result<std::vector<SocketAddress>>> resolve(Loop& loop, std::string host, std::uint16_t port,
                                                 TimePoint deadline);

}  // namespace sallyport::runtime
