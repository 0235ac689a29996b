// What an upstream can take, by what its EHLO offered on this connection. A message goes as it is
// or not at all: nothing is converted, downgraded or cut.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/connection.h"

namespace sallyport::relay {

/// Why `message` can't go to this upstream over `connection`, known before a word is said:
/// kUnsuited, with the reply for the client if no other upstream can take it. Nothing if it can.
std::optional<Attempt> check_suited(const message::Message& message, const Connection& connection,
                                    const config::Upstream& upstream);

/// The attempt that ends because `message` has more recipients than `limit`, which is what the
/// upstream takes in one transaction: kUnsuited with 452 4.5.3.
Attempt too_many_recipients(const message::Message& message, const config::Upstream& upstream,
                            std::uint64_t limit);

/// RFC 6531 section 3.4: does MAIL say SMTPUTF8 to an upstream that offers this? Not where neither
/// the envelope nor the message can need it, whatever the client said.
bool uses_smtputf8(const message::Message& message, const smtp::Capabilities& offered);

}  // namespace sallyport::relay
