// What the client hears about its message: the one place where outcomes become replies
// (docs/architecture.md has the table).
#pragma once

#include <string_view>

#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/delivery.h"

namespace sallyport::relay {

/// The outcome that an attempt stands for, when it is the last one.
Outcome outcome_of(const Attempt& attempt);

/// The reply to the client whose message was last tried at `upstream`, with that result. Never has
/// anything secret in it, and always names our transaction id unless the words are the provider's.
smtp::Reply client_reply(const message::Message& message, std::string_view upstream,
                         const Attempt& attempt);

/// The reply when no upstream was tried at all; `why` is for a person.
smtp::Reply not_tried_reply(const message::Message& message, smtp::EnhancedCode status,
                            std::string_view why);

}  // namespace sallyport::relay
