// The ports of an upstream where a network may let only some of them out: in which order they are
// tried, and what is said of those that are blocked. Pure: the clock is handed in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/relay/dialer.h"

namespace sallyport::relay {

/// The ports of one upstream, for one worker.
class Ports {
 public:
  /// Those of `port = "auto"`, or the one there is.
  explicit Ports(const config::Upstream& upstream);

  bool are_several() const { return ports_.size() > 1; }
  /// First `working` (0: none), last those that failed within the last five minutes.
  std::vector<config::UpstreamPort> in_order(std::uint16_t working, TimePoint now) const;
  void failed(std::uint16_t port, TimePoint now);
  void succeeded(std::uint16_t port);

 private:
  struct Port {
    config::UpstreamPort port;
    TimePoint failed_until{};
  };
  std::vector<Port> ports_;
};

/// What a port looks like on which a connection failed with `error`, in the words of port scanners:
/// "filtered" (no answer), "refused", "unreachable", "refused by the proxy".
std::string_view state_of_port(const Error& error, bool by_proxy);

/// A port that is open and carries no conversation as far as EHLO.
inline constexpr std::string_view kNoConversation = "open, but no SMTP";

/// "465 filtered, 587 refused"
std::string list_blocked(std::span<const BlockedPort> blocked);

}  // namespace sallyport::relay
