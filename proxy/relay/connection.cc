#include "proxy/relay/connection.h"

#include <utility>

namespace sallyport::relay {

Connection::Connection(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> stream)
    : opened(loop.now()), idle_since(opened), stream_(std::move(stream)) {}

runtime::Task<Result<smtp::Reply>> Connection::read_reply(TimePoint deadline) {
  while (next_ == replies_.size()) {
    replies_.clear();
    next_ = 0;
    if (broken_) co_return fail(*broken_);
    const auto octets = co_await stream_->read(deadline);
    if (!octets) co_return fail(octets.error());
    take_replies(*octets);
  }
  co_return std::move(replies_[next_++]);
}

void Connection::take_replies(std::string_view octets) {
  while (!octets.empty() && !broken_) {
    auto reply = parser_.feed(octets);
    if (!reply) {
      broken_ = std::move(reply.error());
    } else {
      mid_reply_ = !reply->has_value();
      if (std::optional<smtp::Reply>& whole = *reply) replies_.push_back(std::move(*whole));
    }
  }
}

runtime::Task<Result<void>> Connection::check_in_step(TimePoint now) {
  if (!has_unread() && !mid_reply_ && !broken_) {
    if (stream_->is_quiet() && !stream_->has_arrived()) co_return {};
    // What has arrived may be of TLS alone, such as a session ticket: a read takes it, and has
    // nothing to give.
    const auto octets = co_await stream_->read(now);
    if (!octets && octets.error().code == ErrorCode::kTimeout) co_return {};
    if (!octets) co_return fail(octets.error());
    take_replies(*octets);
  }
  co_return fail(ErrorCode::kProtocol, "the upstream said more than it was asked for");
}

bool Connection::is_quiet() const {
  return !has_unread() && !mid_reply_ && !broken_ && stream_->is_quiet();
}

Result<std::unique_ptr<runtime::ByteStream>> Connection::release_stream() {
  if (has_unread() || mid_reply_ || broken_) {
    return fail(ErrorCode::kProtocol, "octets followed the reply to STARTTLS");
  }
  return std::move(stream_);
}

runtime::Task<void> Connection::quit(TimePoint deadline) {
  const auto said = co_await stream_->write("QUIT\r\n", deadline);
  if (!said) co_return;
  const auto reply = co_await read_reply(deadline);
  if (!reply) co_return;
  co_await stream_->finish(deadline);
}

}  // namespace sallyport::relay
