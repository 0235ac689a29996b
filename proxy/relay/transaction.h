// One mail transaction with an upstream: RFC 5321 section 3.3, pipelined by RFC 2920.
//
// It promises that a message whose last octet (the final dot, or that of the last chunk) was handed
// to the kernel ends as kAccepted, kUnknown or by a reply that was read, and that no message but
// the whole one is ever ended: where nothing may be sent after 354, or a chunk can't be sent to its
// end, the connection is given up.
#pragma once

#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/connection.h"
#include "proxy/relay/deadlines.h"
#include "proxy/relay/delivery.h"

namespace sallyport::relay {

/// Hands `message` over on `connection` within `deadlines`; all arguments outlive the call.
/// Afterwards `connection.closing` says whether another transaction may follow.
runtime::Task<Attempt> transact(runtime::Loop& loop, Connection& connection,
                                const config::Upstream& upstream,
                                config::PartialRejection partial_rejection,
                                const message::Message& message, const Deadlines& deadlines,
                                Caller caller = {});

}  // namespace sallyport::relay
