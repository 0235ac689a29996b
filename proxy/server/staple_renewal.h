// When certificates are read again because a stapled OCSP response has ended.
#pragma once

#include <algorithm>
#include <chrono>

#include "proxy/base/clock.h"

namespace sallyport::server {

/// A file that changes is read at once; this is for responses that end while their file stays as it
/// is. Reading brings nothing as long as nobody writes a new one, so it is tried less and less
/// often. Used by one thread.
class StapleRenewal {
 public:
  /// `first_end`: when the first response in use ends. True: read them now; the next time that it
  /// is true for the same end is later.
  bool is_due(WallTime now, WallTime first_end) {
    if (first_end != first_end_) {
      first_end_ = first_end;
      next_ = first_end;
      interval_ = kFirstInterval;
    }
    if (now < next_) return false;
    next_ = now + std::chrono::duration_cast<WallTime::duration>(interval_);
    interval_ = std::min(2 * interval_, kMostInterval);
    return true;
  }

 private:
  static constexpr Duration kFirstInterval = std::chrono::minutes(1);
  static constexpr Duration kMostInterval = std::chrono::hours(1);

  WallTime first_end_ = WallTime::max();
  WallTime next_ = WallTime::max();
  Duration interval_ = kFirstInterval;
};

}  // namespace sallyport::server
