// What one attempt to hand a message to one upstream came to: the value that dialing, the mail
// transaction and the capture upstream all give, and from which the client's reply is made.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/relay/provider.h"
#include "proxy/smtp/mailbox.h"
#include "proxy/smtp/reply.h"

namespace sallyport::relay {

/// How far an attempt came.
enum class Stage : std::uint8_t {
  kLease,     ///< Waiting for a connection of the pool.
  kConnect,   ///< DNS and TCP.
  kTls,       ///< STARTTLS and the handshake.
  kGreeting,  ///< The 220.
  kEhlo,
  kAuth,
  kRset,
  kMail,
  kRcpt,
  kData,     ///< The 354.
  kContent,  ///< The content, before its last octet was handed to the kernel.
  kEnd,      ///< After that.
};

/// The stage as logs and replies name it: the command, where there is one.
std::string_view name(Stage stage);

/// How an attempt ended.
enum class End : std::uint8_t {
  kAccepted,       ///< 250 after the content.
  kRefused,        ///< 5xx for the sender, the message or its recipients.
  kUnsuited,       ///< This upstream can't take it as it is (size, 8-bit …): nothing was said.
  kDeferred,       ///< 4xx, or a throttle or quota by any code.
  kMisconfigured,  ///< Our credentials or its certificate are wrong: the operator's fault.
  kFailed,         ///< No connection, or it was lost before the end of the content.
  kUnknown,        ///< The content was sent to its end and no reply came.
};

/// A recipient the upstream did not take, with its reply.
struct Refusal {
  smtp::Mailbox recipient;
  smtp::Reply reply;
};

struct Attempt {
  End end = End::kFailed;
  Stage stage = Stage::kConnect;
  std::optional<smtp::Reply> reply;  ///< The upstream's, where one decided.
  Error error;                       ///< Why there is none.
  Meaning meaning = Meaning::kPlain;
  std::vector<Refusal> refused;  ///< Recipients refused while others were not, or not alike.
  /// It failed at RSET or MAIL in a way that says the connection had died before: worth one more
  /// try if the connection came from the pool.
  bool stale = false;
  bool reused_connection = false;
  Duration took{};  ///< The mail transaction alone.

  /// The reply, of an attempt that one decided: kAccepted, kRefused, kUnsuited, kDeferred.
  const smtp::Reply& said() const {
    assert(reply);
    return *reply;
  }
  /// One line for logs: the reply, or the stage and the error.
  std::string str() const;
};

inline bool is_success(const smtp::Reply& reply) { return reply.code >= 200 && reply.code < 300; }
inline bool is_refusal(const smtp::Reply& reply) {
  return reply.is_transient() || reply.is_permanent();
}
/// The peer ended the connection, in whatever way.
inline bool is_hang_up(const Error& error) {
  return error.code == ErrorCode::kClosed || error.code == ErrorCode::kNetwork ||
         error.code == ErrorCode::kTls;
}

/// We had no descriptor, port, memory or storage for the attempt, which says nothing about the
/// upstream.
inline bool is_own_shortage(const Attempt& attempt) {
  return !attempt.reply && attempt.stage != Stage::kLease &&
         attempt.error.code == ErrorCode::kLimit;
}

/// `550 5.1.1 no such user`, in one line.
std::string one_line(const smtp::Reply& reply);

/// An attempt that ended without a reply.
Attempt failure(Stage stage, Error error);

/// An attempt that a reply ended which makes no sense at this stage.
Attempt unexpected_reply(Stage stage, const smtp::Reply& reply);

/// An attempt that a 4xx or 5xx reply ended: kRefused, kDeferred or kMisconfigured, by what the
/// provider's text means.
Attempt refusal(Stage stage, smtp::Reply reply, config::Provider provider);

}  // namespace sallyport::relay
