// Out of a network through the proxy that is its only way out: HTTP CONNECT (RFC 9110 section
// 9.3.6) and SOCKS5 (RFC 1928) with a login (RFC 1929). The proxy looks the host's name up.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/runtime/byte_stream.h"

namespace sallyport::net {

/// What a proxy speaks, and our login there.
struct TunnelSettings {
  enum class Kind : std::uint8_t { kHttp, kSocks5 };
  Kind kind = Kind::kHttp;
  std::string username = {};  ///< At most 255 octets, as SOCKS5 has them; empty: none is said.
  Secret password = {};
};

/// Asks the proxy at the other end of `stream` for a connection to `host` (a name or an IP literal;
/// a dot at its end is left out) and `port`. Afterwards the stream is that connection, and octets
/// that came along with the proxy's answer are read from it first. All arguments outlive the call.
/// kNetwork: it does not connect us, refuses our login, or
/// ended the connection; kProtocol: it speaks something else; kTimeout, kCancelled. The text names
/// what the proxy said.
runtime::Task<Result<void>> open_tunnel(runtime::Transport& stream, const TunnelSettings& settings,
                                        const std::string& host, std::uint16_t port,
                                        TimePoint deadline);

}  // namespace sallyport::net
