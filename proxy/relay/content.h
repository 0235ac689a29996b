// The content on its way to an upstream, after 354 with its final dot or in one chunk by BDAT (RFC
// 3030), and the upstream's answer to it. The one place that can hand a message over.
#pragma once

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/connection.h"

namespace sallyport::relay {

/// Is `message` sent by BDAT, so that no DATA comes before its content? Only what can't go by DATA
/// is. For all else BDAT would save nothing: the round trips are as many, doubling dots costs next
/// to nothing, and DATA is what every provider's every client uses.
inline bool goes_by_bdat(const message::Message& message) { return message.is_binary; }

/// Sends the content of `message` whole and reads the reply, by `deadline`; all arguments outlive
/// the call. kUnknown from the moment the last octet (the final dot, or that of the chunk) is with
/// the kernel until a reply was read. Sets `connection.closing` unless another transaction may
/// follow.
runtime::Task<Attempt> send_content(runtime::Loop& loop, Connection& connection,
                                    const config::Upstream& upstream,
                                    const message::Message& message, TimePoint deadline);

}  // namespace sallyport::relay
