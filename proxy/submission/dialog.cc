#include "proxy/submission/dialog.h"

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/base/secret.h"

namespace sallyport::submission {

Dialog::Dialog(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> stream)
    : loop_(loop), stream_(std::move(stream)) {}

runtime::Task<Result<void>> Dialog::receive(TimePoint deadline) {
  const auto sent = co_await flush(deadline);
  if (!sent) co_return fail(sent.error());
  received_.release();
  const auto octets = co_await stream_->read(deadline);
  if (!octets) co_return fail(octets.error());
  received_.append(*octets);
  co_return {};
}

runtime::Task<Result<std::string_view>> Dialog::receive_octets(TimePoint deadline) {
  const auto sent = co_await flush(deadline);
  if (!sent) co_return fail(sent.error());
  received_.release();
  co_return co_await stream_->read(deadline);
}

void Dialog::forget_lines() {
  received_.wipe_taken();
  // Received octets passed through the scratch buffers. The loop shares them, and their content is
  // invalid after the next suspension, so it can be overwritten.
  for (const auto which : {runtime::Loop::Scratch::kWire, runtime::Loop::Scratch::kPlain}) {
    const std::span<char> scratch = loop_.scratch(which);
    wipe_memory(scratch.data(), std::min(scratch.size(), kMostAuthLine));
  }
}

void Dialog::say(std::string_view wire) {
  if (unsent_.capacity() == std::string().capacity()) unsent_ = loop_.take_buffer();
  unsent_ += wire;
}

void Dialog::say(const smtp::Reply& reply, smtp::ReplyText allowed) {
  say(std::string_view());
  reply.append_to(unsent_, allowed);
}

runtime::Task<Result<void>> Dialog::flush(TimePoint deadline) {
  if (unsent_.empty()) co_return {};
  std::string sending = std::exchange(unsent_, {});
  const std::string_view piece(sending);
  const TimePoint until = std::min(deadline, loop_.after(reply_timeout_));
  auto sent = co_await stream_->write(std::span(&piece, 1), until);
  loop_.give_back(std::move(sending));
  stuck_ = !sent && sent.error().code == ErrorCode::kTimeout;
  co_return sent;
}

runtime::Task<void> Dialog::close(TimePoint deadline) {
  if (!stream_) co_return;
  if (stuck_) co_return stream_->abort();
  const auto sent = co_await flush(deadline);
  if (sent) co_await stream_->finish(deadline);
}

}  // namespace sallyport::submission
