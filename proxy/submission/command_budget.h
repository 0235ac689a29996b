// How many commands a client may send that bring no mail.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proxy/base/clock.h"

namespace sallyport::submission {

/// A bucket of commands. Each command takes one out; `interval` after `interval` one comes back, so
/// that a client that keeps an idle connection open with NOOP now and then never empties it, and
/// one that floods does. Pure: the clock is handed in.
class CommandBudget {
 public:
  /// `most` commands to begin with, and never more. `interval` zero: none comes back.
  explicit CommandBudget(std::uint32_t most, Duration interval = Duration::zero())
      : most_(most), left_(most), interval_(interval) {}

  /// One more command. False: the client has used up what it had.
  bool spend(TimePoint now) {
    refill(now);
    was_used_ = true;
    if (left_ == 0) return false;
    --left_;
    return true;
  }
  /// The client did what it is here for: it has all of its commands again.
  void restore() { left_ = most_; }
  /// A command was taken.
  bool was_used() const { return was_used_; }

 private:
  void refill(TimePoint now) {
    if (interval_ == Duration::zero()) return;
    // The first command, or a full bucket: time before now gives nothing back.
    if (left_ == most_) {
      since_ = now;
      return;
    }
    const auto come_back = (now - since_) / interval_;
    since_ += interval_ * come_back;
    left_ += static_cast<std::uint32_t>(
        std::min<Duration::rep>(come_back, static_cast<Duration::rep>(most_ - left_)));
  }

  std::uint32_t most_;
  std::uint32_t left_;
  Duration interval_;
  TimePoint since_{};
  bool was_used_ = false;
};

}  // namespace sallyport::submission
