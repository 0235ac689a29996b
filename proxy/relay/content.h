// What comes after 354: the message, its final dot, and the upstream's answer to it. The one place
// that can hand a message over.
#pragma once

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/connection.h"

namespace sallyport::relay {

/// Sends the content of `message` whole and reads the reply, by `deadline`; all arguments outlive
/// the call. kUnknown from the moment the final dot is with the kernel until a reply was read. Sets
/// `connection.closing` unless another transaction may follow.
runtime::Task<Attempt> send_content(runtime::Loop& loop, Connection& connection,
                                    const config::Upstream& upstream,
                                    const message::Message& message, TimePoint deadline);

}  // namespace sallyport::relay
