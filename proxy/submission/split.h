// A message with more recipients than fit in one upstream transaction: session.overflow = "split".
#pragma once

#include <cstdint>

#include "proxy/base/clock.h"
#include "proxy/message/message.h"
#include "proxy/relay/delivery.h"
#include "proxy/runtime/task.h"

namespace sallyport::submission {

/// Delivers `message` in mail transactions of at most `most` recipients, and of no more than its
/// route takes, one after the other, all by `deadline`; both references outlive the call. One
/// verdict stands for all parts: kDelivered only when every part was; else that of the part that
/// failed, after which no further part is sent. Its reply says how many recipients have the message
/// already. A part that turns out too large for the upstream, before it was handed over, is made
/// smaller. A client that has gone stops it before the first part, and not between parts.
runtime::Task<relay::Delivery> deliver_in_parts(relay::Deliverer& deliverer,
                                                message::Message& message, std::uint32_t most,
                                                TimePoint deadline, relay::Caller caller);

}  // namespace sallyport::submission
