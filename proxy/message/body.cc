#include "proxy/message/body.h"

#include <algorithm>
#include <utility>

namespace sallyport::message {

using runtime::Loop;
using runtime::Task;

Body::Body(Budget& budget, const Storage& storage, std::uint64_t expected)
    : storage_(storage), reservation_(budget), expected_(expected) {}

Result<void> Body::append(std::string_view octets) {
  while (!octets.empty()) {
    const bool in_head = fits_in_head();
    std::vector<Chunk>& chunks = in_head || tail_.empty() ? head_ : tail_;
    // The head may go a little over the threshold: its last chunk is filled.
    if (chunks.empty() || chunks.back().is_full()) {
      const auto added =
          in_head ? add_chunk(head_, next_head_capacity()) : add_chunk(tail_, kFlushSize);
      if (!added) return added;
      continue;
    }
    const auto before = octets.size();
    chunks.back().fill_from(octets);
    appended_ += before - octets.size();
  }
  return {};
}

std::uint64_t Body::room_for(std::uint64_t expected, const Budget& budget) {
  // The last chunk of a body in a file may be all but empty.
  const std::uint64_t rounding = expected > kSureInMemory ? kFlushSize : 0;
  return std::max(expected, std::min(expected + rounding, budget.limit()));
}

// The budget is asked once a chunk, for its whole capacity: what is appended to it is paid for.
Result<void> Body::add_chunk(std::vector<Chunk>& chunks, std::size_t capacity) {
  const std::uint64_t needed = capacity_ + Chunk::round_up(capacity);
  const std::uint64_t held = reservation_.octets();
  if (needed > held && !reservation_.grow(needed - held)) {
    return fail(ErrorCode::kLimit, "too much message content is held at this time");
  }
  capacity_ = needed;
  if (spare_ && spare_->capacity() >= capacity) {
    chunks.push_back(*std::move(spare_));
    spare_.reset();
  } else {
    chunks.emplace_back(capacity);
  }
  return {};
}

// Going through a file costs a fifth more, so it is for when memory may run short.
bool Body::fits_in_head() const {
  if (file_ || !tail_.empty() || appended_ >= storage_.memory_threshold) return false;
  return appended_ < kSureInMemory || !reservation_.budget().is_scarce();
}

// What was declared is what will come, unless it is more than one should believe; where nothing was
// declared chunks double, so that a message has few of them and wastes less than half.
std::size_t Body::next_head_capacity() const {
  const std::uint64_t wanted = expected_ > appended_ ? expected_ - appended_ : appended_;
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(wanted, Chunk::kCommonSize, kFlushSize));
}

Task<Result<void>> Body::flush(Loop& loop) {
  if (!flush_due()) co_return {};
  const auto write_out = [this]() -> Result<void> {
    if (!file_) {
      auto created = SpillFile::create(storage_.directory);
      if (!created) return fail(std::move(created).error());
      file_.emplace(*std::move(created));
    }
    for (const Chunk& chunk : tail_) {
      if (!chunk.is_full()) break;
      const auto written = file_->append(chunk.content());
      if (!written) return written;
    }
    return {};
  };
  const auto written = co_await loop.offload(write_out);
  if (!written) co_return fail(written.error());

  while (flush_due()) {
    spare_.emplace(std::move(tail_.front()));
    spare_->clear();
    tail_.erase(tail_.begin());
  }
  co_return {};
}

Task<Result<bool>> BodyReader::next(Loop& loop, std::vector<std::string_view>& pieces) {
  const auto give = [&pieces](std::string_view octets) {
    if (!octets.empty()) pieces.push_back(octets);
  };
  const std::size_t given = pieces.size();
  if (part_ == Part::kHead) {
    give(body_.prefix_);
    for (const Chunk& chunk : body_.head_) give(chunk.content());
    part_ = body_.file_ ? Part::kFile : Part::kTail;
  }
  if (part_ == Part::kFile && body_.file_ && pieces.size() == given) {
    const SpillFile& file = *body_.file_;
    const std::uint64_t left = file.size() - offset_;
    buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left, Body::kFlushSize)));
    const auto read = co_await loop.offload([&] { return file.read(offset_, std::span(buffer_)); });
    if (!read) co_return fail(read.error());
    offset_ += buffer_.size();
    if (offset_ == file.size()) part_ = Part::kTail;
    give(std::string_view(buffer_.data(), buffer_.size()));
    co_return true;
  }
  if (part_ == Part::kTail) {
    for (const Chunk& chunk : body_.tail_) give(chunk.content());
    part_ = Part::kEnd;
  }
  co_return pieces.size() > given;
}

}  // namespace sallyport::message
