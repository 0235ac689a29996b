#include "tests/support/memory_stream.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "proxy/runtime/event.h"

namespace sallyport::support {

using runtime::Event;
using runtime::Loop;
using runtime::Task;

/// One direction.
struct MemoryStream::Channel {
  Channel(Loop& loop, std::size_t most) : piece(most), for_reader(loop), for_writer(loop) {}

  std::size_t size() const { return octets.size() - taken; }

  std::size_t take(std::span<char> into) {
    const std::size_t count = std::min({size(), piece, into.size()});
    std::memcpy(into.data(), octets.data() + taken, count);
    taken += count;
    if (taken == octets.size() || taken > (1u << 20)) {
      octets.erase(0, taken);
      taken = 0;
    }
    return count;
  }

  std::string octets;
  std::size_t taken = 0;
  std::size_t piece;
  bool ended = false;        // the writer will send no more
  bool reset = false;        // one side broke it off
  bool reader_gone = false;  // nobody will read what is written
  Event for_reader;          // set when the reader has something to find out
  Event for_writer;
  runtime::Cancellation* watch = nullptr;  // the reader's
  bool end_is_gone = false;

  void notice() const {
    if (watch != nullptr && (reset || (ended && end_is_gone))) watch->request();
  }
};

MemoryStream::Pair MemoryStream::pair(Loop& loop, MemoryStreamOptions options) {
  const auto forth = std::make_shared<Channel>(loop, options.piece);
  const auto back = std::make_shared<Channel>(loop, options.piece);
  return {std::unique_ptr<MemoryStream>(new MemoryStream(loop, back, forth, options.capacity)),
          std::unique_ptr<MemoryStream>(new MemoryStream(loop, forth, back, options.capacity))};
}

MemoryStream::MemoryStream(Loop& loop, std::shared_ptr<Channel> in, std::shared_ptr<Channel> out,
                           std::size_t capacity)
    : loop_(loop), in_(std::move(in)), out_(std::move(out)), capacity_(capacity) {}

MemoryStream::~MemoryStream() {
  half_close();
  in_->reader_gone = true;
  if (in_->size() > 0) {
    out_->reset = true;
    out_->for_reader.set();
    out_->notice();
  }
  in_->for_writer.set();
}

Task<Result<std::string_view>> MemoryStream::read(TimePoint deadline) {
  while (true) {
    if (aborted_ || interrupted_) {
      co_return fail(ErrorCode::kCancelled, "we are closing the connection");
    }
    if (deadline <= loop_.now()) {
      co_return fail(ErrorCode::kTimeout, "the peer was silent for too long");
    }
    if (in_->size() > 0) {
      const std::span<char> buffer = loop_.scratch(Loop::Scratch::kWire);
      const std::size_t count = in_->take(buffer);
      in_->for_writer.set();
      co_return std::string_view(buffer.data(), count);
    }
    if (in_->reset) co_return fail(ErrorCode::kNetwork, "read: Connection reset by peer");
    if (in_->ended) co_return fail(ErrorCode::kClosed, "the peer closed the connection");
    in_->for_reader.reset();
    const auto woken = co_await in_->for_reader.wait(deadline);
    if (!woken && !interrupted_ && !aborted_) {
      co_return fail(ErrorCode::kTimeout, "the peer was silent for too long");
    }
  }
}

Task<Result<void>> MemoryStream::write(std::span<const std::string_view> pieces,
                                       TimePoint deadline) {
  bool counted = false;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (aborted_) co_return fail(ErrorCode::kCancelled, "we are closing the connection");
      if (out_->reader_gone || out_->reset || out_->ended) {
        co_return fail(ErrorCode::kNetwork, "write: Broken pipe");
      }
      if (out_->size() < capacity_) {
        const std::size_t count = std::min(piece.size(), capacity_ - out_->size());
        out_->octets.append(piece.substr(0, count));
        piece.remove_prefix(count);
        octets_written_ += count;
        if (!counted) ++writes_;
        counted = true;
        out_->for_reader.set();
        continue;
      }
      out_->for_writer.reset();
      const auto woken = co_await out_->for_writer.wait(deadline);
      if (!woken && !aborted_) co_return fail(ErrorCode::kTimeout, "the peer does not read");
    }
  }
  co_return {};
}

void MemoryStream::interrupt() {
  interrupted_ = true;
  in_->for_reader.set();
}

void MemoryStream::abort() {
  aborted_ = true;
  in_->reset = out_->reset = true;
  out_->notice();
  for (const auto& channel : {in_, out_}) {
    channel->for_reader.set();
    channel->for_writer.set();
  }
}

Task<void> MemoryStream::finish(TimePoint deadline) {
  half_close();
  interrupted_ = false;
  while (true) {
    const auto octets = co_await read(deadline);
    if (!octets) co_return;
  }
}

bool MemoryStream::is_quiet() const { return in_->size() == 0 && !in_->ended && !in_->reset; }

bool MemoryStream::has_arrived() { return in_->size() > 0; }

void MemoryStream::unread(std::string_view octets) { in_->octets.insert(in_->taken, octets); }

void MemoryStream::watch_peer(runtime::Cancellation* gone, Departure by) {
  in_->watch = gone;
  in_->end_is_gone = by == Departure::kEndOfStream;
  in_->notice();
}

void MemoryStream::half_close() {
  out_->ended = true;
  out_->for_reader.set();
  out_->notice();
}

void MemoryStream::split_into(std::size_t most) { out_->piece = most; }

}  // namespace sallyport::support
