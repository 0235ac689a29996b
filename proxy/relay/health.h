// Whether an upstream is worth trying now: after failures it is left alone for a while.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"

namespace sallyport::relay {

/// A circuit breaker for one upstream, shared by all workers. After a failure it admits nobody for
/// a time that grows with each failure of that kind in a row, is capped, and has jitter, so that
/// instances don't come back in step; then one message probes while the others still stay away.
/// When the probe succeeds, the share of messages that are admitted grows from a tenth to all of
/// them in a straight line, over as long as the trouble lasted, 30 s at most; after less than 5 s
/// all of them are.
///
/// Thread-safe. While all is well a message costs two loads.
class Health {
 public:
  /// What went wrong. Each kind counts its own failures and decides how long to stay away, at first
  /// and at most. A message that is refused is no trouble.
  enum class Trouble : std::uint8_t {
    kUnreachable,  ///< No connection, or it was lost: 1 s to 1 min.
    kThrottled,    ///< The provider wants less at a time: 1 s to 1 min.
    kQuota,        ///< It wants no more for the hour or day: 1 min to 15 min.
    kTls,          ///< Its certificate, or no TLS: 5 s to 5 min.
    kLogin,        ///< It refuses our login: 5 s to 5 min.
    kAccount,      ///< The account may not send: 5 s to 5 min.
  };
  static constexpr std::size_t kTroubles = 6;

  /// `seed` is for the jitter.
  explicit Health(std::uint32_t seed) : random_(seed) {}
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  /// May a delivery try it now? If so it must end in `succeeded`, `failed` or `learned_nothing`.
  bool admit(TimePoint now);
  /// Has its last attempt failed? Then the next one is a probe.
  bool is_troubled() const { return condition_.load(std::memory_order_relaxed) == kTroubled; }
  /// True if this ended a trouble.
  bool succeeded(TimePoint now);
  /// The attempt ended for a reason of ours before the upstream was asked.
  void learned_nothing();
  /// Failures of deliveries that were under way when the first one failed count as one. `words` say
  /// what happened, for the operator.
  void failed(Trouble trouble, TimePoint now, std::string_view words = {});
  /// The upstream has other settings now: nothing is known about it.
  void forget();

  /// What is wrong with it, for the operator.
  struct Diagnosis {
    Trouble trouble;
    TimePoint since;         ///< The first failure in a row.
    TimePoint closed_until;  ///< Until then nobody is admitted.
    std::string words;
  };
  /// The kind that failed last; nullopt: all is well.
  std::optional<Diagnosis> diagnosis() const;

 private:
  enum Condition : std::uint8_t { kWell, kRecovering, kTroubled };
  struct Kind {
    std::uint32_t failures = 0;  // in a row
    TimePoint closed_until{};
  };

  std::atomic<Condition> condition_{kWell};  // written under the lock
  mutable std::mutex mutex_;
  std::array<Kind, kTroubles> kinds_;
  TimePoint closed_until_{};  // the latest of all kinds
  TimePoint closed_at_{};     // when it was last closed, after having been open
  TimePoint since_{};         // the first failure since all was well
  Trouble last_ = Trouble::kUnreachable;
  std::string words_;
  bool probing_ = false;
  TimePoint recovers_at_{};  // begin of the slow start
  Duration recovery_{};      // its length
  std::minstd_rand random_;
};

/// "network", "throttled", "quota", "tls", "login" or "account".
std::string_view name(Health::Trouble trouble);
/// Can only the operator mend it?
bool is_for_operator(Health::Trouble trouble);

}  // namespace sallyport::relay
