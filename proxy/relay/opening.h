// From nothing to a connection that is ready for mail: TCP, TLS, greeting, EHLO, AUTH.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/connection.h"
#include "proxy/relay/credential.h"
#include "proxy/relay/dialer.h"
#include "proxy/trace/story.h"

namespace sallyport::relay {

/// A connection ready for MAIL, or the attempt that failed: its stage and why.
using Opened = std::expected<std::unique_ptr<Connection>, Attempt>;

/// Opens a connection to `upstream` within its connect_timeout and by `deadline`. `hostname` is
/// said in EHLO. All arguments outlive the call. AUTH is never said without TLS unless
/// `upstream.tls` is none. While it speaks on a connection, that is among `under_way`: aborting it
/// there ends the call. What each step came to is noted in `story`; null: nowhere.
runtime::Task<Opened> open_connection(runtime::Loop& loop, Dialer& dialer, Credential& credential,
                                      const config::Upstream& upstream, const std::string& hostname,
                                      TimePoint deadline, std::vector<Connection*>& under_way,
                                      trace::Story* story = nullptr);

}  // namespace sallyport::relay
