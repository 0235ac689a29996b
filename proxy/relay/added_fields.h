// Header fields that an upstream's settings add to each message.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/config/config.h"
#include "proxy/message/message.h"

namespace sallyport::relay {

/// The lines to put before `message`, each with its CRLF. A field that the message has already is
/// left to it: `beginning` are its first octets, with the whole header section if that is not
/// larger than what is held in memory at a time. In a text `{id}` stands for the transaction id,
/// and `{key}` for a key that is the same for every attempt to send this message to these
/// recipients, and for nothing else.
std::string added_fields(const config::Upstream& upstream, const message::Message& message,
                         std::span<const std::string_view> beginning);

/// The most octets that `added_fields` gives.
std::uint64_t most_added(const config::Upstream& upstream, const message::Message& message);

}  // namespace sallyport::relay
