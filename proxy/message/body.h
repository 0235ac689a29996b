// The content of one message while it is in our hands: in memory up to a threshold, past it in a
// temporary file without a name.
//
// The order of the octets is: prefix (our trace fields), the head in memory, the file, and the tail
// that was not worth a write. A message below the threshold is one chunk, written once and read
// once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/message/budget.h"
#include "proxy/message/chunk.h"
#include "proxy/message/spill_file.h"
#include "proxy/runtime/loop.h"

namespace sallyport::message {

/// Where and how a body is kept. One value for all bodies; outlives them.
struct Storage {
  std::uint64_t memory_threshold = 4u << 20;  ///< Octets of one message kept in memory.
  std::string directory = "/tmp";             ///< Of the temporary files.
};

/// Collects content, then gives it out as often as needed. Belongs to one loop at a time; `budget`
/// and `storage` must outlive it.
class Body {
 public:
  /// Octets that are written to the file at once.
  static constexpr std::size_t kFlushSize = 256 * 1024;
  /// Octets that stay in memory, below the threshold, also when the budget is scarce.
  static constexpr std::size_t kSureInMemory = 1024 * 1024;

  /// `expected` is the SIZE that MAIL declared, or 0: it only chooses the size of the first chunk.
  Body(Budget& budget, const Storage& storage, std::uint64_t expected = 0);

  /// What a body of `expected` octets takes of a budget at most, rounding to chunks included where
  /// that matters: what a reservation for it should ask for.
  static std::uint64_t room_for(std::uint64_t expected, const Budget& budget);
  /// Uses `room`, which is of the same budget, before anything else is taken from it. Before the
  /// first octet.
  void adopt(Reservation room) { reservation_ = std::move(room); }
  /// The end was reached: gives back what was reserved for more octets than came.
  void release_rest() { reservation_.shrink_to(capacity_); }

  /// Copies `octets` to the end; never blocks or suspends. kLimit when the budget is used up: the
  /// message can't be taken now (452 4.3.1).
  Result<void> append(std::string_view octets);
  /// Enough was appended that it should go to the file before more comes.
  bool flush_due() const { return !tail_.empty() && tail_.front().is_full(); }
  /// Writes what is due to the file, on the thread pool. After a failure (kLimit: the disk is full)
  /// the body is of no use. Nothing may be appended while it runs.
  runtime::Task<Result<void>> flush(runtime::Loop& loop);

  /// Sets the octets that come before everything appended.
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  /// The prefix, for what is added to its front before the body goes out.
  const std::string& prefix() const { return prefix_; }

  /// Octets, prefix included.
  std::uint64_t size() const { return prefix_.size() + appended_; }
  /// Octets of it that are in the file.
  std::uint64_t in_file() const { return file_ ? file_->size() : 0; }

 private:
  friend class BodyReader;

  Result<void> add_chunk(std::vector<Chunk>& chunks, std::size_t capacity);
  std::size_t next_head_capacity() const;
  bool fits_in_head() const;

  const Storage& storage_;
  Reservation reservation_;
  const std::uint64_t expected_;
  std::string prefix_;
  std::vector<Chunk> head_;
  std::optional<SpillFile> file_;
  std::vector<Chunk>
      tail_;  // beyond the threshold and not yet in the file; the last may be part full
  std::optional<Chunk> spare_;  // written to the file: its memory is used again
  std::uint64_t appended_ = 0;
  std::uint64_t capacity_ = 0;  // of all chunks, those that went to the file included
};

/// Reads a body from its beginning. Several may read one body, one after the other or at once.
class BodyReader {
 public:
  /// `body` must outlive it and not change.
  explicit BodyReader(const Body& body) : body_(body) {}

  /// Appends views of the next stretch of the body to `pieces`: all that is in memory before the
  /// file, a part of the file, or what comes after it. False at the end. The views hold until the
  /// next call. Suspends only to read the file.
  runtime::Task<Result<bool>> next(runtime::Loop& loop, std::vector<std::string_view>& pieces);

 private:
  enum class Part : std::uint8_t { kHead, kFile, kTail, kEnd };

  const Body& body_;
  Part part_ = Part::kHead;
  std::uint64_t offset_ = 0;  // into the file
  std::vector<char> buffer_;
};

}  // namespace sallyport::message
