// The trace of a mail transaction that has ended.
#pragma once

#include "proxy/base/clock.h"
#include "proxy/submission/transaction_log.h"
#include "proxy/trace/record.h"
#include "proxy/trace/story.h"

namespace sallyport::submission {

/// What the log's line of a transaction tells, and its story. `began`: when MAIL came; `now`: the
/// end.
trace::Record trace_of(const TransactionRecord& told, TimePoint began, WallTime now,
                       trace::Story story);

}  // namespace sallyport::submission
