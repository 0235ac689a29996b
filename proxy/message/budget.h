// How much message content the process may hold at one time, in memory and temporary files
// together.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace sallyport::message {

/// One counter for all workers. Thread-safe. Outlives every Reservation.
class Budget {
 public:
  explicit Budget(std::uint64_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  /// More than a quarter is in use: what can be in a file should be.
  bool is_scarce() const { return used() > limit() / 4; }
  /// A reload changed it; what is held already stays held.
  void set_limit(std::uint64_t limit) { limit_.store(limit, std::memory_order_relaxed); }

 private:
  friend class Reservation;

  bool take(std::uint64_t octets) {
    const auto before = used_.fetch_add(octets, std::memory_order_relaxed);
    if (before + octets <= limit()) return true;
    give_back(octets);
    return false;
  }
  void give_back(std::uint64_t octets) { used_.fetch_sub(octets, std::memory_order_relaxed); }

  std::atomic<std::uint64_t> limit_;
  std::atomic<std::uint64_t> used_{0};
};

/// A share of a budget, given back when it dies. It may be taken before the octets come, so that
/// there is room for them when they do.
class Reservation {
 public:
  explicit Reservation(Budget& budget) : budget_(&budget) {}
  Reservation(Reservation&& other) noexcept
      : budget_(other.budget_), octets_(std::exchange(other.octets_, 0)) {}
  Reservation& operator=(Reservation&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(octets_, other.octets_);
    return *this;
  }
  ~Reservation() {
    if (octets_ != 0) budget_->give_back(octets_);
  }

  /// Takes `octets` more; false, and nothing taken, when the budget does not allow it.
  bool grow(std::uint64_t octets) {
    if (!budget_->take(octets)) return false;
    octets_ += octets;
    return true;
  }
  /// Gives back all but `octets`.
  void shrink_to(std::uint64_t octets) {
    if (octets >= octets_) return;
    budget_->give_back(octets_ - octets);
    octets_ = octets;
  }
  std::uint64_t octets() const { return octets_; }
  const Budget& budget() const { return *budget_; }

 private:
  Budget* budget_;
  std::uint64_t octets_ = 0;
};

}  // namespace sallyport::message
