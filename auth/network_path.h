// Where a client is, as the networks that contain it: what a stranger can have many of at one
// level costs more at the next.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/base/ip_address.h"

namespace sallyport::auth {

/// The networks of one client from the widest to the narrowest: /48, /56 and /64 of an IPv6
/// address, /24 and twice the /32 of an IPv4 address. Numbers of different levels are not
/// comparable.
using NetworkPath = std::array<std::uint64_t, 3>;
inline constexpr std::size_t kWidest = 0;
inline constexpr std::size_t kNarrowest = 2;

/// The path of `client`.
inline NetworkPath path_of(const IpAddress& client) {
  constexpr std::uint64_t kOctet = 0xff;
  const std::uint64_t network = client.network();  // the /64, or the IPv4 address
  if (client.is_v4()) return {network & ~kOctet, network, network};
  return {network & ~(kOctet << 8 | kOctet), network & ~kOctet, network};
}

}  // namespace sallyport::auth
