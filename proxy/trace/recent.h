// The last messages of the process, in memory, for `sallyport trace`.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/trace/record.h"

namespace sallyport::trace {

/// What is looked for: all that is set must fit. Addresses, users and ids have no case.
struct Query {
  std::string id = {};          ///< Ours, or the upstream's.
  std::string message_id = {};  ///< With or without its angle brackets.
  std::string user = {};
  std::string to = {};    ///< A recipient.
  std::size_t last = 20;  ///< The newest so many.

  bool fits(const Record& record) const;
};

/// Keeps the newest records, bounded by their number and by their memory. Thread-safe: each record
/// goes to the next of several shards, so that workers do not wait for each other's locks, and all
/// shards together hold the newest ones.
class Recent {
 public:
  /// What the records of all shards may take together, about.
  static constexpr std::size_t kMostOctets = 32u << 20;

  /// How many are kept; 0: none, and nothing is noted. Records that are too many are dropped by the
  /// next ones that come.
  void set_capacity(std::size_t capacity);
  bool is_on() const { return capacity_.load(std::memory_order_relaxed) > 0; }

  void add(Record record);
  /// The newest records that fit, the newest last. Takes each shard's lock for a moment.
  std::vector<std::shared_ptr<const Record>> find(const Query& query) const;

 private:
  static constexpr std::size_t kShards = 16;
  struct Entry {
    std::uint64_t number = 0;
    std::size_t octets = 0;
    std::shared_ptr<const Record> record;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::deque<Entry> entries;
    std::size_t octets = 0;
  };

  std::atomic<std::size_t> capacity_{0};
  std::atomic<std::uint64_t> added_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace sallyport::trace
