// The numbers that metrics are made of. Written from every worker thread, read by a scrape: each
// write is relaxed atomic addition, so that counting costs a message nothing and orders nothing.
//
// prometheus-cpp's own cells are not used: there a counter is a compare-and-swap loop over a double
// and a histogram takes a mutex.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "proxy/base/clock.h"

namespace sallyport::metrics {

/// A number that only grows.
class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A number that goes up and down.
class Gauge {
 public:
  /// One unit of a gauge, taken off again when this dies.
  class Hold {
   public:
    Hold() = default;
    explicit Hold(Gauge& gauge) : gauge_(&gauge) { gauge.add(1); }
    Hold(Hold&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
    Hold& operator=(Hold&& other) noexcept {
      if (this != &other) {
        release();
        gauge_ = std::exchange(other.gauge_, nullptr);
      }
      return *this;
    }
    ~Hold() { release(); }

   private:
    void release() {
      if (gauge_ != nullptr) std::exchange(gauge_, nullptr)->add(-1);
    }

    Gauge* gauge_ = nullptr;
  };

  void add(std::int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  /// Sets the gauge to a point in time, in whole seconds since the epoch of Unix.
  void set(WallTime time) {
    set(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
  }
  /// Counts one more for as long as the result lives; the gauge must outlive it.
  [[nodiscard]] Hold hold() { return Hold(*this); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// How long things took, in buckets that suit mail: a warm provider answers in tens of
/// milliseconds, and RFC 5321 section 4.5.3.2.6 lets it take ten minutes.
class Histogram {
 public:
  /// Upper bounds of the buckets in seconds; one more bucket takes what is above them all.
  static constexpr std::array kBounds = {0.005, 0.01, 0.025, 0.05, 0.1,  0.25, 0.5,
                                         1.0,   2.5,  5.0,   10.0, 30.0, 60.0, 300.0};

  /// Counts one observation; a negative one counts as nothing taken.
  void observe(Duration took) {
    const auto nanoseconds = std::max<std::int64_t>(0, std::chrono::nanoseconds(took).count());
    const double seconds = static_cast<double>(nanoseconds) * 1e-9;
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    buckets_[bucket].add();
    nanoseconds_.add(static_cast<std::uint64_t>(nanoseconds));
  }
  /// Observations in one bucket alone; `bucket` may be kBounds.size().
  std::uint64_t in_bucket(std::size_t bucket) const { return buckets_[bucket].value(); }
  /// The sum of all observations.
  double seconds() const { return static_cast<double>(nanoseconds_.value()) * 1e-9; }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter nanoseconds_;
};

/// One cell for each value of an enum that serves as a label; `Names` are the label's values in the
/// order of the enum.
template <class Enum, const auto& Names, class Cell = Counter>
class ByLabel {
 public:
  Cell& operator[](Enum value) { return cells_[static_cast<std::size_t>(value)]; }
  const Cell& operator[](Enum value) const { return cells_[static_cast<std::size_t>(value)]; }

  static constexpr std::size_t size() { return Names.size(); }
  static constexpr std::string_view name(std::size_t index) { return Names[index]; }
  const Cell& at(std::size_t index) const { return cells_[index]; }

 private:
  std::array<Cell, Names.size()> cells_;
};

}  // namespace sallyport::metrics
