// Two ends of a connection in memory, for tests: the face and the habits of TCP without a kernel,
// in virtual time if the loop is. Counts flights, since round trips are what a test can hold a
// protocol to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"

namespace sallyport::support {

inline constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

/// How a pair of streams behaves, the same both ways.
struct MemoryStreamOptions {
  std::size_t capacity = kUnlimited;  ///< Octets under way before a writer has to wait.
  std::size_t piece = kUnlimited;     ///< The most octets that one read gives.
};

/// One end. What it promises beyond ByteStream: a read or write that need not wait does not
/// suspend; an end that dies closes like a socket: with a reset if octets had come that nobody
/// read, orderly otherwise. As with TcpStream, what read() gives lies in the loop's wire scratch.
class MemoryStream final : public runtime::Transport {
 public:
  using Pair = std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>>;

  /// Two connected ends. The loop outlives both; either may die first.
  static Pair pair(runtime::Loop& loop, MemoryStreamOptions options = {});
  ~MemoryStream() override;

  using ByteStream::write;
  runtime::Task<Result<std::string_view>> read(TimePoint deadline) override;
  runtime::Task<Result<void>> write(std::span<const std::string_view> pieces,
                                    TimePoint deadline) override;
  void interrupt() override;
  void abort() override;
  runtime::Task<void> finish(TimePoint deadline) override;
  bool is_quiet() const override;
  void acknowledge_now() override { ++acknowledgements_; }
  bool has_arrived() override;
  void unread(std::string_view octets) override;
  void watch_peer(runtime::Cancellation* gone, Departure by) override;

  /// The peer reads the end after what was written; this end can still read.
  void half_close();
  /// Octets written by this end from now on arrive at the peer in reads of at most `most`.
  void split_into(std::size_t most);

  /// Calls of write that carried octets: flights.
  std::size_t writes() const { return writes_; }
  std::uint64_t octets_written() const { return octets_written_; }
  /// Calls of acknowledge_now.
  std::size_t acknowledgements() const { return acknowledgements_; }

 private:
  struct Channel;

  MemoryStream(runtime::Loop& loop, std::shared_ptr<Channel> in, std::shared_ptr<Channel> out,
               std::size_t capacity);

  runtime::Loop& loop_;
  const std::shared_ptr<Channel> in_;
  const std::shared_ptr<Channel> out_;
  const std::size_t capacity_;
  bool interrupted_ = false;
  bool aborted_ = false;
  std::size_t writes_ = 0;
  std::uint64_t octets_written_ = 0;
  std::size_t acknowledgements_ = 0;
};

}  // namespace sallyport::support
