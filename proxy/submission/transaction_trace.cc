#include "proxy/submission/transaction_trace.h"

#include <algorithm>

#include "proxy/config/values.h"

namespace sallyport::submission {

trace::Record trace_of(const TransactionRecord& told, TimePoint began, WallTime now,
                       trace::Story story) {
  const relay::Delivery* const delivery = told.delivery;
  const auto& recipients = told.envelope.recipients;
  trace::Record record;
  record.id = told.id;
  record.message_id = told.message_id;
  record.user = told.user;
  record.client = told.client_ip;
  record.listener = config::str(told.listener);
  record.ehlo = told.ehlo;
  record.from = told.envelope.reverse_path.str();
  record.recipients = recipients.size();
  const std::size_t named = std::min(recipients.size(), trace::Record::kMostNamed);
  record.to.reserve(named);
  for (std::size_t i = 0; i < named; ++i) record.to.push_back(recipients[i].forward_path.str());
  record.size = told.size;
  record.result = delivery != nullptr ? relay::name(delivery->outcome) : "aborted";
  record.cause = delivery != nullptr ? delivery->cause : told.cause;
  record.error = told.error;
  if (delivery != nullptr) {
    record.code = delivery->reply.code;
    record.reply = delivery->reply.one_line();
    record.upstream = delivery->upstream;
    record.upstream_id = delivery->upstream_id;
  }
  record.ended = now;
  record.began = began;
  record.total = told.total;
  record.steps_left_out = story.left_out();
  record.steps = story.take_steps();
  return record;
}

}  // namespace sallyport::submission
