// AUTH (RFC 4954) on a connection to an upstream, by the mechanisms that it offers.
#pragma once

#include <expected>

#include "proxy/base/clock.h"
#include "proxy/base/secret.h"
#include "proxy/config/config.h"
#include "proxy/relay/attempt.h"
#include "proxy/relay/connection.h"

namespace sallyport::relay {

/// Logs in with `upstream`'s user name and `secret`, by the first mechanism of its preference that
/// the connection's EHLO offers, and where that is refused as such (RFC 4954 section 4 and 6: 504,
/// 534, X.5.4) by the next one. Gives the reply that accepts us. All arguments outlive the call.
runtime::Task<std::expected<smtp::Reply, Attempt>> log_in(runtime::Loop& loop,
                                                          Connection& connection,
                                                          const config::Upstream& upstream,
                                                          const Secret& secret, TimePoint deadline);

}  // namespace sallyport::relay
