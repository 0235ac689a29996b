// The content on its way to an upstream, after 354 with its final dot, in one chunk by BDAT (RFC
// 3030), or in one chunk along with MAIL and RCPT; and the upstream's answer to it. The one place
// that can hand a message over.
#pragma once

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/connection.h"

namespace sallyport::relay {

/// Is `message` sent by BDAT wherever it goes, so that no DATA comes before its content? Only what
/// can't go by DATA is. For all else BDAT saves nothing unless it goes along with MAIL and RCPT:
/// the round trips are as many, doubling dots costs next to nothing, and DATA is what every
/// provider's every client uses.
inline bool goes_by_bdat(const message::Message& message) { return message.is_binary; }

/// Sends the content of `message` whole and reads the reply, by `deadline`; all arguments outlive
/// the call. kUnknown from the moment the last octet (the final dot, or that of the chunk) is with
/// the kernel until a reply was read. Sets `connection.closing` unless another transaction may
/// follow.
runtime::Task<Attempt> send_content(runtime::Loop& loop, Connection& connection,
                                    const config::Upstream& upstream,
                                    const message::Message& message, TimePoint deadline);

/// May `message` go to the upstream in one write with MAIL and RCPT (RFC 3030 section 4.2)? What
/// was written can't be taken back, so there must be one verdict, and a connection that is known to
/// be in step: one recipient, in memory and not large, on a connection that has carried a message
/// before and was in use a moment ago.
bool goes_at_once(const message::Message& message, const Connection& connection, TimePoint now);

/// Writes `connection.commands`, then the whole content in one chunk, in one write. An error: its
/// last octet was not handed to the kernel.
runtime::Task<Result<void>> write_at_once(runtime::Loop& loop, Connection& connection,
                                          const config::Upstream& upstream,
                                          const message::Message& message, TimePoint deadline);

/// What became of content when a write of it failed with `error`. Its last octet was not handed
/// over, and the connection sends no more: the final dot, or the end of the chunk, is not with the
/// upstream. Who hangs up in the middle may have said why; that is waited for a little.
runtime::Task<Attempt> stopped_midway(runtime::Loop& loop, Connection& connection,
                                      const config::Upstream& upstream,
                                      const message::Message& message, Error error);

/// The reply to content whose last octet is with the kernel; all as of `send_content`. `by_bdat`:
/// it went in a chunk.
runtime::Task<Attempt> read_verdict(runtime::Loop& loop, Connection& connection,
                                    const config::Upstream& upstream,
                                    const message::Message& message, bool by_bdat,
                                    TimePoint deadline);

}  // namespace sallyport::relay
