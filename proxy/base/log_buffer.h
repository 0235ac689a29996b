// The lines between the threads that log and the descriptor: a bounded buffer with a share for each
// kind of line, and the writer thread that empties it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/log_writer.h"

namespace sallyport::log {

/// Thread-safe. Held by the Logger and by the writer thread, whichever ends last.
class Buffer {
 public:
  /// `most`: octets of lines that wait; 0: every line is dropped. `first_format` and `clock`: of
  /// the lines that the buffer writes itself.
  Buffer(std::size_t most, Format first_format, WallTime (*clock)())
      : format(first_format), most_(most), clock_(clock) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  /// Starts the thread that writes what is added. Once at most.
  static void start_writer(const std::shared_ptr<Buffer>& buffer, int descriptor);

  /// Adds a finished line, or drops and counts it if its kind has no room left.
  void add(std::string_view line, Kind kind);
  CountByKind dropped() const;
  /// See Logger::close.
  std::uint64_t close(Duration patience);

  std::atomic<Format> format;  ///< Of the lines to come.

 private:
  bool has_room(std::size_t size, Kind kind) const;
  void write_batches(int descriptor);
  /// Writes a line that says how many were dropped since the last such line; false: it is lost.
  bool tell_of_drops(LineWriter& writer, const CountByKind& dropped);
  void count_lost(const std::vector<LineSize>& lines, std::size_t first);

  const std::size_t most_;
  WallTime (*const clock_)();
  std::thread writer_;  // of the Logger's side: joined or detached in `close`
  std::atomic<bool> abandoned_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable ended_;
  std::string pending_;
  std::vector<LineSize> lines_;           // of `pending_`
  std::size_t pending_of_strangers_ = 0;  // octets
  std::size_t lines_being_written_ = 0;
  CountByKind dropped_{};
  CountByKind told_{};  // the part of `dropped_` that `log_lines_dropped` lines have reported
  bool stopping_ = false;
  bool has_ended_ = false;
};

}  // namespace sallyport::log
