// Where the counts of `[[limit]]` are kept in this process. What is asked for is reserved, and
// counts when it is kept: a message that was not delivered leaves no trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/policy/gcra.h"
#include "proxy/policy/meter.h"

namespace sallyport::policy {

/// A reservation; gives itself back when it dies, unless it was kept. Move-only.
class Reservation {
 public:
  /// Of nothing.
  Reservation() = default;
  Reservation(Reservation&&) noexcept = default;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  /// What a ledger does when a reservation ends.
  class Holder {
   public:
    virtual ~Holder() = default;
    /// `part` of each charge counts from now on, and the rest is given back. Called once.
    virtual void settle(const Charge& part) = 0;
  };
  explicit Reservation(std::unique_ptr<Holder> holder) : holder_(std::move(holder)) {}

  /// So much of it counts: the message was delivered to so many, or may have been.
  void keep(const Charge& part);

 private:
  std::unique_ptr<Holder> holder_;
};

/// What a charge came to.
struct Charged {
  Reservation reservation;
  std::vector<Exceeded> observed = {};  ///< What limits in observe mode would have refused.
};

/// One subject's count, for people.
struct Standing {
  std::string limit;
  std::string subject;
  Limit unit = Limit::kMessages;
  config::Window window;
  std::uint64_t used = 0;  ///< With what is reserved.
  Duration full_again{};   ///< Until nothing is used, if nothing more is taken.
};

/// The counts of one process. Thread-safe; no function waits, but for a lock that is held for a few
/// comparisons.
///
/// At any time, in each window, what is owed and what is reserved together are no more than the
/// burst. A reservation becomes debt when it is kept, so over any span of time no more is delivered
/// than `burst + rate * span`; in a calendar day no more than its amount.
class LocalLedger {
 public:
  /// `now` is the time of day; it may jump.
  explicit LocalLedger(std::function<WallTime()> now = std::chrono::system_clock::now);
  ~LocalLedger();

  /// Reserves everything in `meters`, or nothing. Of several refusals the one that lasts longest is
  /// told. Limits that count attempts keep theirs at once.
  std::expected<Charged, Exceeded> charge(std::span<const Meter> meters);
  /// What `charge` would refuse, without taking. Limits in observe mode are not asked.
  std::expected<void, Exceeded> peek(std::span<const Meter> meters) const;

  /// Every count that is not empty, sorted by limit and subject.
  std::vector<Standing> standings() const;
  /// Forgets what `subject` used of `limit`, or of all limits if it is empty; what is reserved
  /// stays reserved. The number of counts that were.
  std::size_t reset(std::string_view limit, std::string_view subject);

  /// Subjects with a state.
  std::size_t size() const;

 private:
  class Held;
  struct Line;
  struct Count;
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace sallyport::policy
