// The PROXY protocol, versions 1 and 2: what a load balancer says about the client before the
// client's own octets. Sans-I/O, by the letter of HAProxy's doc/proxy-protocol.txt (revision of
// 2020/03/05, version 2.1); "section" below is of that text.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "proxy/base/ip_address.h"

namespace sallyport::net {

/// The longest header that is read. Version 1 has 107 octets at most (section 2.1), the addresses
/// of version 2 take 232 with their head; the rest is for TLVs, which are skipped.
inline constexpr std::size_t kMostProxyHeader = 4096;
/// The longest header of version 1, its CRLF included.
inline constexpr std::size_t kMostProxyLine = 107;

/// What the octets at the beginning of a connection are.
struct ProxyHeader {
  enum class State {
    kPartial,  ///< All of them belong to a header that goes on.
    kWhole,    ///< The first `size` are a header; what follows is the client's.
    kFault,    ///< They are no header that we take; `reason` says why.
  };
  State state = State::kPartial;
  std::size_t size = 0;
  /// Who connected to the proxy; none for UNKNOWN, LOCAL and families that are not IP: then the
  /// address of the socket stands.
  std::optional<IpAddress> client;
  std::string_view reason;  ///< A literal.
};

/// Reads the header that `octets` begin with. Whatever more octets follow, a fault stays a fault
/// and a whole header the same header. In memory only, and never past `kMostProxyHeader`.
ProxyHeader parse_proxy_header(std::string_view octets);

/// Whether `octets` begin with what only a PROXY header begins with: for a port where none is due.
bool looks_like_proxy_header(std::string_view octets);

}  // namespace sallyport::net
