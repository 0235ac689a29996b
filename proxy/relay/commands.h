// The text of MAIL and RCPT to an upstream: what the client said, as far as this connection's EHLO
// offered it. What could not do without was refused before (suited.h); the rest is left out.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/message/message.h"
#include "proxy/relay/connection.h"

namespace sallyport::relay {

/// Appends `MAIL FROM:<…>` with its parameters and CRLF to `commands`. `message` is suited to
/// `connection`. `added`: octets that go before its content.
void append_mail(const message::Message& message, const Connection& connection,
                 std::string& commands, std::uint64_t added = 0);

/// Appends `RCPT TO:<…>` with its parameters and CRLF to `commands`.
void append_rcpt(const message::Recipient& recipient, const smtp::Capabilities& offered,
                 std::string& commands);

}  // namespace sallyport::relay
