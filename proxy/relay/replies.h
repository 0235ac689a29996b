// What the client hears about its message: the one place where outcomes become replies
// (docs/architecture.md has the table).
#pragma once

#include <string_view>

#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/delivery.h"

namespace sallyport::relay {

/// The outcome that an attempt stands for, when it is the last one.
Outcome outcome_of(const Attempt& attempt);

/// The reply to the client whose message was last tried at `upstream`, with that result. Never has
/// anything secret in it. It names our transaction id, behind the upstream's words if it is a
/// refusal for good, unless it is, with `words` kUpstream, the reply that accepted the message.
/// That keeps its code and its lines, and has an enhanced status code only if the upstream gave
/// one. The words of an upstream are cut after 4 KiB or 20 lines.
smtp::Reply client_reply(const message::Message& message, std::string_view upstream,
                         const Attempt& attempt, config::ReplyWords words);

/// The reply when no upstream was tried at all; `why` is for a person.
smtp::Reply not_tried_reply(const message::Message& message, smtp::EnhancedCode status,
                            std::string_view why);

}  // namespace sallyport::relay
