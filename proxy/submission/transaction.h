// One mail transaction: what MAIL and RCPT said so far. RSET drops it, and leaves the session.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/message/budget.h"
#include "proxy/message/envelope.h"
#include "proxy/message/transaction_id.h"
#include "proxy/policy/ledger.h"
#include "proxy/policy/rate_limiter.h"
#include "proxy/submission/content.h"
#include "proxy/trace/story.h"

namespace sallyport::submission {

/// RFC 5321 section 3.3.
struct Transaction {
  message::TransactionId id;
  message::Envelope envelope;
  std::uint64_t max_recipients = 0;  ///< Past it RCPT is answered 452 4.5.3.
  std::uint32_t overflowed = 0;      ///< Recipients that heard it.
  std::uint32_t refused = 0;         ///< Recipients whose RCPT was refused for other reasons.
  std::string first_refusal;         ///< The reply to the first of them, in one line.
  /// Reserved for the SIZE that MAIL declared, until the content begins: the client is refused
  /// before an upload rather than after it.
  std::optional<message::Reservation> room;
  policy::Announced announced = {};      ///< The same octets, until the content has come.
  std::unique_ptr<Content> content;      ///< What came by BDAT so far; null before the first chunk.
  std::string message_id;                ///< Once the content has ended; empty: it has none.
  policy::Receipt receipt = {};          ///< What it has taken of the user's limits.
  policy::Reservation reservation = {};  ///< What it has taken of `[[limit]]`.
  std::unique_ptr<trace::Story> story;   ///< Null: the message is not traced.
  TimePoint began;                       ///< When MAIL came.
  TimePoint received = kNever;           ///< When the content ended.
};

/// The most recipients that a client's transaction may have, if upstream transactions may have
/// `at_a_time`: more, where the message is then split.
std::uint64_t most_recipients(const config::Session& settings, std::uint64_t at_a_time);

}  // namespace sallyport::submission
