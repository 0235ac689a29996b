// How slowly a client may send.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace sallyport::submission {

/// Patience with a client that sends content. It has `most` to begin with; waiting for octets uses
/// it up, and octets that come give it back at the rate asked for, never beyond `most`. So no
/// silence is longer than `most`, and over every stretch of that length the client keeps the rate;
/// what we ourselves take time for (files, a busy machine) is not held against it. Pure: the clock
/// is handed in.
class Pace {
 public:
  /// `rate`: octets a second; 0 asks for none, and each wait may take `most`.
  Pace(std::uint64_t rate, Duration most) : rate_(rate), most_(most), left_(most) {}

  /// We begin to wait for octets: until when they must come.
  TimePoint wait(TimePoint now) {
    asked_ = now;
    return now + left_;
  }
  /// `octets` came. At least one.
  void heard(std::size_t octets, TimePoint now) {
    was_heard_ = true;
    if (rate_ == 0) return;
    // More than `most` is never given back, so no octet beyond that need be counted.
    const std::chrono::duration<double> most = most_;
    const std::chrono::duration<double> earned(static_cast<double>(octets) /
                                               static_cast<double>(rate_));
    left_ -= std::min(now - asked_, left_);
    left_ = earned >= most ? most_
                           : std::min(most_, left_ + std::chrono::duration_cast<Duration>(earned));
  }
  /// The error of a wait, in words that tell a client that drips from one that is silent.
  Error explain(Error error) const {
    if (error.code == ErrorCode::kTimeout && is_slow()) {
      error.text = "the client sent less than " + std::to_string(rate_) + " octets a second";
    }
    return error;
  }
  /// The wait that failed was short, since patience was used up by others before it: octets came,
  /// but too few. Else it was silence that ended it.
  bool is_slow() const { return was_heard_ && left_ < most_ / 2; }

 private:
  std::uint64_t rate_;
  Duration most_;
  Duration left_;
  TimePoint asked_{};
  bool was_heard_ = false;
};

}  // namespace sallyport::submission
