// NOTE FROM THE LEAD (remove this line): this header is on main now; implement it, keep names, extend as needed.
// The content of one message while it passes through: in memory up to a threshold, then in an
// unlinked temporary file; all of it counted against one budget.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/runtime/loop.h"

namespace sallyport::message {

/// Octets of content that the whole process may hold. Thread-safe; outlives every Body.
class Budget {
 public:
  explicit Budget(std::uint64_t limit) : limit_(limit) {}

  /// Takes `octets` if that stays within the limit.
  bool take(std::uint64_t octets);
  void give_back(std::uint64_t octets) { used_.fetch_sub(octets, std::memory_order_relaxed); }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  /// A smaller limit refuses what comes next; what is held already stays.
  void set_limit(std::uint64_t limit) { limit_.store(limit, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> limit_;
  std::atomic<std::uint64_t> used_{0};
};

/// How bodies are held.
struct BodyOptions {
  std::uint64_t memory_threshold = 1u << 20;  ///< Octets kept in memory before the file is used.
  std::string directory = "/tmp";             ///< Where the file is made; it has no name there.
};

/// One message's content, written once, then read any number of times. Belongs to one loop.
class Body {
 public:
  /// `budget` outlives the body. `expected`: the size that MAIL declared, or 0.
  Body(Budget& budget, BodyOptions options, std::uint64_t expected = 0);
  ~Body();
  Body(Body&&) noexcept;
  Body& operator=(Body&&) noexcept;

  /// Copies `octets` to the end. kLimit when the budget is used up; then the body is only good for
  /// dropping. Does not suspend: see `wants_flush`.
  Result<void> append(std::string_view octets);
  /// More is in memory than the threshold allows: `flush` before appending much more.
  bool wants_flush() const;
  /// Moves what is in memory to the file, on the thread pool. kSystem names the folder and the
  /// reason.
  runtime::Task<Result<void>> flush(runtime::Loop& loop);

  std::uint64_t size() const;

  /// Reads the content from the start. The body must outlive it and not be written meanwhile.
  class Reader {
   public:
    explicit Reader(const Body& body);
    /// The next octets, empty at the end. The view holds until the next call. Suspends only for the
    /// file.
    runtime::Task<Result<std::string_view>> next(runtime::Loop& loop);

   private:
    struct State;
    std::shared_ptr<State> state_;
  };
  Reader read() const { return Reader(*this); }

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace sallyport::message
