#include "proxy/submission/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "proxy/message/envelope.h"
#include "proxy/smtp/reply.h"

namespace sallyport::submission {
namespace {

using message::Recipient;
using relay::Delivery;
using relay::Outcome;

void append_word(std::string& text, std::string_view separator, std::string_view word) {
  if (!text.empty() && !word.empty()) text += separator;
  text += word;
}

/// What became of the parts so far, and of `next`.
Delivery merged(Delivery before, Delivery next) {
  next.attempts += before.attempts;
  next.upstream_time += before.upstream_time;
  append_word(before.upstream_reply, "; ", next.upstream_reply);
  next.upstream_reply = std::move(before.upstream_reply);
  append_word(before.upstream_id, " ", next.upstream_id);
  next.upstream_id = std::move(before.upstream_id);
  // Recipients that an earlier part's upstream refused are named in its reply.
  if (before.refused_recipients > 0 && next.outcome == Outcome::kDelivered) {
    next.reply.lines.insert(next.reply.lines.begin(), before.reply.lines.begin(),
                            before.reply.lines.end());
  }
  next.refused_recipients += before.refused_recipients;
  next.earlier_attempts.insert(next.earlier_attempts.begin(), before.earlier_attempts.begin(),
                               before.earlier_attempts.end());
  return next;
}

/// A part failed after others were accepted, which can't be taken back.
void tell_what_was_sent(const message::Message& message, std::size_t sent, std::size_t all,
                        smtp::Reply& reply) {
  reply.lines.insert(reply.lines.begin(),
                     fmt::format("{}: sent to the first {} of {} recipients and not to the others:",
                                 message.id, sent, all));
}

bool asks_for_fewer(const Delivery& delivery) {
  return delivery.outcome == Outcome::kDeferred &&
         delivery.reply.enhanced == smtp::EnhancedCode{4, 5, 3};
}

}  // namespace

runtime::Task<Delivery> deliver_in_parts(relay::Deliverer& deliverer, message::Message& message,
                                         std::uint32_t most, TimePoint deadline,
                                         relay::Caller caller) {
  std::vector<Recipient>& part = message.envelope.recipients;
  std::vector<Recipient> all = std::exchange(part, {});
  std::size_t sent = 0;
  std::size_t reached = 0;
  Delivery delivery;
  while (sent < all.size()) {
    const std::size_t limit =
        std::min(most, deliverer.max_recipients(message.envelope.reverse_path, caller));
    const std::size_t size = std::min(std::max<std::size_t>(limit, 1), all.size() - sent);
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(sent);
    part.assign(std::move_iterator(first),
                std::move_iterator(first + static_cast<std::ptrdiff_t>(size)));
    Delivery next = co_await deliverer.deliver(message, deadline, caller);
    if (next.outcome == Outcome::kDelivered) caller.gone = nullptr;
    std::ranges::move(part, first);
    const bool too_many = asks_for_fewer(next) &&
                          deliverer.max_recipients(message.envelope.reverse_path, caller) < size;
    const bool failed = next.outcome != Outcome::kDelivered && !too_many;
    if (next.outcome == Outcome::kDelivered || next.outcome == Outcome::kUnknown) {
      reached += size - std::min<std::size_t>(next.refused_recipients, size);
    }
    if (failed && sent > 0) tell_what_was_sent(message, sent, all.size(), next.reply);
    if (too_many) {
      delivery.attempts += next.attempts;
      continue;
    }
    delivery = merged(std::move(delivery), std::move(next));
    if (failed) break;
    sent += size;
  }
  part = std::move(all);
  delivery.reached = static_cast<std::uint32_t>(reached);
  co_return delivery;
}

}  // namespace sallyport::submission
