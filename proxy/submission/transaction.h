// One mail transaction: what MAIL and RCPT said so far. RSET drops it, and leaves the session.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/message/budget.h"
#include "proxy/message/envelope.h"
#include "proxy/message/transaction_id.h"
#include "proxy/submission/content.h"

namespace sallyport::submission {

/// RFC 5321 section 3.3.
struct Transaction {
  message::TransactionId id;
  message::Envelope envelope;
  std::uint64_t max_recipients = 0;  ///< Past it RCPT is answered 452 4.5.3.
  /// Reserved for the SIZE that MAIL declared, until the content begins: the client is refused
  /// before an upload rather than after it.
  std::optional<message::Reservation> room;
  std::unique_ptr<Content> content;  ///< What came by BDAT so far; null before the first chunk.
  TimePoint began;                   ///< When MAIL came.
  TimePoint received = kNever;       ///< When the content ended.
};

}  // namespace sallyport::submission
