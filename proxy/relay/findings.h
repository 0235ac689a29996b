// What was found out about an upstream by talking to it, shared by all workers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "proxy/base/clock.h"

namespace sallyport::relay {

/// Of one upstream in the process. Thread-safe. What its replies tell is forgotten after an hour:
/// it may change, or be true of one of many servers behind a name.
class Findings {
 public:
  /// What the last EHLO stated as the most recipients of a transaction (RFC 9422); 0: nothing.
  void states(std::uint64_t most) { stated_.store(most, std::memory_order_relaxed); }
  std::uint64_t stated() const { return stated_.load(std::memory_order_relaxed); }

  /// It took so many recipients, and said that the next one is too many.
  void takes(std::uint32_t most, TimePoint now) {
    taken_.store(most, std::memory_order_relaxed);
    taken_until_.store(now + kLifetime, std::memory_order_relaxed);
  }
  /// The most recipients that it is known to take; 0: not known.
  std::uint32_t taken(TimePoint now) const {
    const bool known = now < taken_until_.load(std::memory_order_relaxed);
    return known ? taken_.load(std::memory_order_relaxed) : 0;
  }

  /// It offers PIPELINING and does not keep it.
  void breaks_pipelining(TimePoint now) {
    in_steps_until_.store(now + kLifetime, std::memory_order_relaxed);
  }
  bool is_pipelining_broken(TimePoint now) const {
    return now < in_steps_until_.load(std::memory_order_relaxed);
  }

  /// It offers CHUNKING and does not keep it.
  void breaks_chunking(TimePoint now) {
    in_two_steps_until_.store(now + kLifetime, std::memory_order_relaxed);
  }
  bool is_chunking_broken(TimePoint now) const {
    return now < in_two_steps_until_.load(std::memory_order_relaxed);
  }

  /// The port on which a conversation came as far as EHLO last; 0: none did.
  std::uint16_t working_port() const { return working_port_.load(std::memory_order_relaxed); }
  /// It did on this one; gives the one before.
  std::uint16_t works_on(std::uint16_t port) {
    return working_port_.exchange(port, std::memory_order_relaxed);
  }

  /// The upstream has other settings now: nothing is known about it.
  void forget() {
    states(0);
    taken_until_.store(TimePoint(), std::memory_order_relaxed);
    in_steps_until_.store(TimePoint(), std::memory_order_relaxed);
    in_two_steps_until_.store(TimePoint(), std::memory_order_relaxed);
    works_on(0);
  }

 private:
  static constexpr Duration kLifetime = std::chrono::hours(1);

  std::atomic<std::uint64_t> stated_{0};
  std::atomic<std::uint32_t> taken_{0};
  std::atomic<TimePoint> taken_until_{TimePoint()};
  std::atomic<TimePoint> in_steps_until_{TimePoint()};
  std::atomic<TimePoint> in_two_steps_until_{TimePoint()};
  std::atomic<std::uint16_t> working_port_{0};
};

}  // namespace sallyport::relay
