// What BoringSSL's error queue says, in words a person can act on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::net {

/// The reason of the last failed call on this thread, and empties the queue. `peer`: who the other
/// side is, "the client" or "the server".
std::string take_reason(std::string_view peer = "the peer");

/// What an alert of `peer` means, with its name in RFC 8446 section 6.
std::string describe_alert(std::uint8_t alert, std::string_view peer);

/// Whether the octets a handshake began with can be TLS at all.
bool looks_like_tls(std::string_view first_octets);

/// The text for a peer that sent something else: tells what it sent.
std::string not_tls(std::string_view first_octets);

}  // namespace sallyport::net
