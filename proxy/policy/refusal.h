// Which limit refused, and the reply that says so in words its reader can act on.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/config/rate.h"
#include "proxy/smtp/reply.h"

namespace sallyport::policy {

/// What is limited.
enum class Limit : std::uint8_t { kMessages, kRecipients, kBytes, kConnections };

/// "messages", "recipients", "bytes", "connections": for logs and metric labels.
std::string_view name(Limit limit);

/// A refusal by one limit.
struct LimitExceeded {
  Limit limit = Limit::kMessages;
  std::uint64_t asked = 0;  ///< Units asked for.
  config::Rate rate;        ///< The limit; for connections only `amount` counts.
  bool permanent = false;   ///< Asked for more than the burst: waiting does not help.
  Duration retry_after{};   ///< If not permanent; not known for connections.
};

/// The refusal in SMTP:
///   450 4.7.1 user billing is over its limit of 100 messages per minute: try again in 12 s
///   550 5.7.1 user billing may send to 50 recipients at a time, not to 70: split the message
///   552 5.3.4 user billing may send 10 MB at a time, and this message has 12500000 octets
///   421 4.7.0 user billing has all of its 20 connections open: close one or try again later
/// The session ends after a 421.
smtp::Reply reply_for(const LimitExceeded& refusal, std::string_view user);

}  // namespace sallyport::policy
