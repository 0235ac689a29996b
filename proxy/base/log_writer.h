// Whole lines to a descriptor that may be slow, full or gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"

namespace sallyport::log {

/// A line in a batch of lines.
struct LineSize {
  std::uint32_t octets = 0;  ///< With its newline.
  Kind kind = Kind::kProcess;
};

/// Writes batches of lines. Belongs to one thread, which it may block.
class LineWriter {
 public:
  /// `descriptor` may be blocking or not. Once `abandoned` is true nothing is waited for any more;
  /// it outlives this.
  LineWriter(int descriptor, const std::atomic<bool>& abandoned);

  /// Writes the lines of `batch`, whose sizes are `lines`. Returns how many were taken: the others
  /// are lost. A descriptor that is busy is waited for; one that is full (ENOSPC) gets a second to
  /// recover. A line that was begun is finished before anything else is written, so that half a
  /// line never runs into another one.
  std::size_t write(std::string_view batch, std::span<const LineSize> lines);

 private:
  /// Writes until all is written or it is time to give up; returns the octets written.
  std::size_t put(std::string_view octets);
  /// Waits until the descriptor takes octets; false: give up.
  bool wait_until_writable() const;
  /// After a failed write: whether to try again.
  bool may_recover(int error);
  long write_some(std::string_view octets) const;

  const int descriptor_;
  const std::atomic<bool>& abandoned_;
  bool may_block_ = false;  // a pipe, terminal or socket, and not a file
  bool is_socket_ = false;
  std::string begun_;  // the rest of a line whose beginning was written
  std::optional<TimePoint> failing_since_;
};

}  // namespace sallyport::log
