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
#include "proxy/message/envelope.h"
#include "proxy/relay/provider.h"
#include "proxy/relay/stage.h"
#include "proxy/smtp/mailbox.h"
#include "proxy/smtp/reply.h"

namespace sallyport::relay {

/// How an attempt ended.
enum class End : std::uint8_t {
  kAccepted,       ///< 250 after the content.
  kRefused,        ///< 5xx for the sender, the message or its recipients.
  kUnsuited,       ///< This upstream can't take it as it is (size, 8-bit …): nothing was said.
  kDeferred,       ///< 4xx, or a throttle or quota by any code.
  kMisconfigured,  ///< Our credentials or account, or its certificate: the operator must mend it.
  kFailed,         ///< No connection, or it was lost before the end of the content.
  kUnknown,        ///< The content was sent to its end and no reply came.
  kAbandoned,  ///< The client had gone before content was sent: it says nothing of the upstream.
};

/// A recipient the upstream did not take, with its reply.
struct RefusedRecipient {
  smtp::Mailbox recipient;
  smtp::Reply reply;
};

struct Attempt {
  End end = End::kFailed;
  Stage stage = Stage::kConnect;
  std::optional<smtp::Reply> reply;  ///< The upstream's, where one decided.
  Error error;                       ///< Why there is none.
  Meaning meaning = Meaning::kPlain;
  std::vector<RefusedRecipient>
      refused;  ///< Recipients refused while others were not, or not alike.
  /// The connection ended, or its login lapsed, before anything was handed over: worth one more try
  /// on a new connection if this one came from the pool.
  bool stale = false;
  /// Replies to a flight of several commands did not come, on a connection that has not carried a
  /// message yet: the upstream may offer PIPELINING and not keep it.
  bool lost_replies = false;
  /// The content went along with MAIL and RCPT, and only BDAT was not understood: the upstream may
  /// offer CHUNKING and not keep it. Nothing was handed over.
  bool lost_chunk = false;
  std::uint32_t recipients_refused = 0;  ///< By the upstream, in replies to RCPT.
  /// How many recipients the upstream took before it said that there are too many; 0: it did not.
  std::uint32_t recipients_taken = 0;
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
/// The reply to a RCPT that is one too many: RFC 5321 section 4.5.3.1.10, also in the words of
/// older servers (552), and RFC 3463 section 3.6 (X.5.3).
bool says_too_many_recipients(const smtp::Reply& reply);
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

/// An attempt that was given up before any content was sent, because the client has gone.
Attempt abandoned(Stage stage);

/// An attempt that a reply ended which makes no sense at this stage.
Attempt unexpected_reply(Stage stage, const smtp::Reply& reply);

/// An attempt that a 4xx or 5xx reply ended: kRefused, kDeferred or kMisconfigured, by what the
/// reply means from this provider.
Attempt refusal(Stage stage, smtp::Reply reply, const config::Provider& provider, Echo echo = {});

/// The same for a reply within a mail transaction, which may repeat addresses of `envelope`: they
/// cannot give it a meaning.
Attempt refusal(Stage stage, smtp::Reply reply, const config::Provider& provider,
                const message::Envelope& envelope);

}  // namespace sallyport::relay
