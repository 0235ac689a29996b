// How long sources take to say no, so that a no of our own can take as long.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>

#include "proxy/base/clock.h"
#include "proxy/base/crypto/digest.h"

namespace sallyport::auth {

/// The times of the last rejections that a source was asked for. Who is refused by our own table,
/// without a source having been asked, waits for one of them: else the time would tell which names
/// are in the table. Thread-safe.
class RejectionPace {
 public:
  void note(Duration took) {
    const std::lock_guard lock(mutex_);
    times_[next_++ % kKept] = took;
  }

  /// One of them by chance; zero: there are none.
  Duration sample() const {
    const std::lock_guard lock(mutex_);
    const std::size_t known = next_ < kKept ? next_ : kKept;
    return known == 0 ? Duration::zero() : times_[crypto::random_u64() % known];
  }

 private:
  static constexpr std::size_t kKept = 64;

  mutable std::mutex mutex_;
  std::array<Duration, kKept> times_{};
  std::size_t next_ = 0;
};

}  // namespace sallyport::auth
