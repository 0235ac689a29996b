// What BoringSSL's error queue says, in words a person can act on.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::net {

/// The reason of the last failed call on this thread, and empties the queue.
std::string take_reason();

/// Whether the octets a handshake began with can be TLS at all.
bool looks_like_tls(std::string_view first_octets);

/// The text for a peer that sent something else: tells what it sent.
std::string not_tls(std::string_view first_octets);

}  // namespace sallyport::net
