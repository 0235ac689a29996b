// Returns free heap memory to the system after a burst.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/base/clock.h"

namespace sallyport::server {

/// Decides when free heap memory is returned to the system. The allocator keeps freed memory, so
/// after a burst of connections or large messages the process would stay at its largest size.
/// Returning it holds the allocator's locks for some milliseconds, so it is done when the process
/// is quiet and larger than at its smallest: every 30 s at most, and less often as long as there is
/// no content and nothing to give back. Used by one thread.
class MemoryRelease {
 public:
  /// How the process stands.
  struct Sample {
    std::uint64_t resident = 0;     ///< Octets of memory in use.
    std::uint64_t content = 0;      ///< Octets of message content held or reserved.
    std::uint64_t connections = 0;  ///< Of clients.
  };

  /// To be asked about once a second. True: call `trim`, then `trimmed`.
  bool is_due(TimePoint now, const Sample& sample);
  /// Memory was given back; `resident` is in use now.
  void trimmed(TimePoint now, std::uint64_t resident);

 private:
  std::uint64_t floor_ = 0;             // resident when it was smallest
  std::uint64_t resident_ = 0;          // when last asked
  std::uint64_t most_connections_ = 0;  // since the last trim
  TimePoint busy_until_{};              // content was held until then
  std::optional<TimePoint> last_;       // when memory was given back
  Duration interval_{};                 // not again before
};

/// Bounds the free memory that the allocator keeps out of reach of `trim`. To be called once,
/// before any thread is started.
void bound_free_memory();
/// Gives the allocator's free memory back to the system.
void trim();
/// Octets of memory this process has in use; 0 when the system does not say.
std::uint64_t resident_memory();

}  // namespace sallyport::server
