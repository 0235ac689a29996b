// How many connections the whole process may have to one upstream, shared by the pools of all
// workers, and which worker is next when all are in use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/relay/findings.h"
#include "proxy/relay/health.h"
#include "proxy/relay/pace.h"
#include "proxy/runtime/loop.h"

namespace sallyport::relay {

/// Slots for connections: one a connection, from before it is opened until it is closed.
/// Thread-safe. A pool takes slots for itself and queues for one by joining as a member.
///
/// A slot that comes free goes to the worker whose delivery waits longest. A connection that is
/// good is another matter: to move its slot to another worker costs a new connection, which carries
/// nothing while it is opened. So it moves only
/// - when it has been idle for a while, to a worker that has none, or has waited as long as a new
///   connection takes;
/// - when it is busy, to a worker that has waited much longer than a new connection takes, and that
///   has none, or after the move still has the smaller share for what is in its hands. Workers
///   without any take turns where there are more workers than slots.
///
/// The upstream may allow fewer connections than the configuration does, and says so when one too
/// many is opened (`refused`). Then the cap follows, and grows back one at a time.
class ConnectionCap {
 public:
  /// One pool. Its functions are called on its own loop.
  struct Member {
    runtime::Loop* loop = nullptr;
    std::function<void()> granted;  ///< A slot that was waited for is yours.
    std::function<void()> asked;    ///< Another worker waits: `yield_idle` what has been idle?
    /// Since when the connection is idle that has been so longest; kNever: none is. Kept by the
    /// pool.
    std::atomic<TimePoint> idle_since{kNever};

   private:
    friend class ConnectionCap;
    std::uint32_t held_ = 0;         // slots
    std::uint32_t granted_ = 0;      // of these, what is posted to it as `granted`
    std::uint32_t incoming_ = 0;     // connections being closed for it
    std::deque<TimePoint> waiting_;  // since when, for each that waits, the oldest first
    std::uint32_t due_ = 0;          // busy connections that others may have to give up for it
    TimePoint only_since_{};         // when its only connection became ready
    TimePoint last_served_{};        // when one of its waits last ended
    TimePoint claimed_{};            // when `due_` was set
  };

  explicit ConnectionCap(std::uint32_t limit)
      : health(std::random_device{}()), limit_(limit), allowed_(limit) {}

  /// `member` takes part until `leave`; after that nothing new is posted to its loop.
  void join(const std::shared_ptr<Member>& member);
  void leave(const std::shared_ptr<Member>& member);

  /// A slot, if one is free.
  bool try_take(Member& member, TimePoint now);
  /// The same, but none beyond the first `most`.
  bool try_take_of(Member& member, std::uint32_t most, TimePoint now);
  /// Queues for a slot, in the place of one that has waited since `since`. Each wait ends in
  /// `stop_waiting`.
  void wait(Member& member, TimePoint since, TimePoint now);
  /// The wait that was begun with `since` is over, whether a connection was found for it or not.
  void stop_waiting(Member& member, TimePoint since, TimePoint now);
  /// The slot of one `granted` has reached the pool, which uses it for the wait begun with `since`.
  void accept(Member& member, TimePoint since, TimePoint now);
  /// The same, but the pool has no wait left to use it for.
  void decline(Member& member);
  /// `member` still waits: to be called every `kPressEvery` while it does. Asks other workers for
  /// what they can spare.
  void press(Member& member, TimePoint now);
  static constexpr Duration kPressEvery = std::chrono::milliseconds(50);

  /// The connection of a slot became ready for mail, in `took`.
  void opened(Member& member, Duration took, TimePoint now);
  /// A connection was closed or not made: the slot goes to the worker that waits longest.
  void release(Member& member);
  /// The upstream said that one more connection is too many. The slot is given up, and as many are
  /// allowed from now on as are in use besides. False if that is none: waiting for one is no use.
  bool refused(Member& member, TimePoint now);

  /// `member` could use a connection again: should it close it for another worker's sake? Then the
  /// slot is no longer its own, and `hand_over` to the worker returned follows. Costs one load
  /// while nothing is due to any worker.
  std::shared_ptr<Member> yield_busy(Member& member, TimePoint now);
  /// The same for a connection that has been idle since `member.idle_since`.
  std::shared_ptr<Member> yield_idle(Member& member, TimePoint now);
  void hand_over(const std::shared_ptr<Member>& heir);

  /// The most slots from now on. Fewer than are in use: none is taken back, and none is given out
  /// until enough were released. More: those who wait get them.
  void set_limit(std::uint32_t limit);
  /// Slots that may be in use now: the limit, or less for a while.
  std::uint32_t allowed() const { return allowed_.load(std::memory_order_relaxed); }
  /// Slots in use.
  std::uint32_t used() const;

  struct Allowance {
    std::uint32_t allowed = 0;
    std::uint32_t limit = 0;
  };
  /// What there is to tell the operator, once for all workers: the upstream began to allow fewer
  /// connections than are configured, or all of them are allowed again. Costs two loads if there is
  /// nothing.
  std::optional<Allowance> news();

  /// What the workers know of the upstream whose connections these are.
  Findings findings;
  Health health;
  Pace pace;

 private:
  static bool has_none(const Member& member) { return member.held_ + member.incoming_ == 0; }
  static std::optional<TimePoint> waits_since(const Member& member);
  static void erase_wait(Member& member, TimePoint since);
  bool is_starving(const Member& member, TimePoint now) const;
  bool deserves_idle(const Member& member, TimePoint now) const;
  bool deserves_busy(const Member& member, TimePoint now) const;
  bool owes(const Member& member, const Member& other, TimePoint now) const;
  template <class Deserves>
  std::shared_ptr<Member> longest_waiting(Deserves deserves) const;
  Duration turn() const;
  std::uint32_t shortage(const Member& member) const;
  void set_due(Member& member, std::uint32_t due);
  void ask_for_idle(const Member& member, TimePoint now);
  void grow(TimePoint now);
  void allow(std::uint32_t slots);
  void grant(const std::shared_ptr<Member>& member);
  void hand_on();
  void use_free_slots();

  std::uint32_t limit_;
  std::atomic<std::uint32_t> allowed_;   // from 1 to limit_; written under the lock
  std::atomic<bool> is_lowered_{false};  // allowed_ < limit_; written under the lock
  std::atomic<bool> told_lowered_{false};
  std::atomic<std::uint32_t> claims_{0};  // members with something due
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Member>> members_;
  std::uint32_t used_ = 0;
  Duration opening_{};  // what a new connection takes, smoothed
  TimePoint grow_at_{};
  Duration grow_after_{};
  bool grown_ = false;  // since the upstream last refused one
};

/// The caps of the process: pools of the same upstream find the same one, in each worker, and
/// before and after a reload that changes the upstream: a provider counts all our connections.
/// Thread-safe.
class ConnectionCaps {
 public:
  /// The cap of the upstream of this name, for as long as it is held; its limit is this one's
  /// `max_connections` from now on, and its pace. Each `credential` of an upstream with several has
  /// a cap of its own.
  std::shared_ptr<ConnectionCap> of(const config::Upstream& upstream,
                                    std::string_view credential = {});

  /// What is wrong with the upstream of this name; nullopt: nothing is.
  std::optional<Health::Diagnosis> diagnosis(std::string_view upstream) const;

  /// What is wrong with one login of an upstream that has a login for each tenant.
  struct TenantDiagnosis {
    std::string username;
    Health::Diagnosis diagnosis;
  };
  /// The first `most` of such of the upstream of this name.
  std::vector<TenantDiagnosis> tenants_in_trouble(std::string_view upstream,
                                                  std::size_t most) const;

 private:
  struct Known {
    std::string upstream;
    std::string username;  // of the login
    std::weak_ptr<ConnectionCap> cap;
  };

  mutable std::mutex mutex_;
  std::vector<Known> known_;
};

}  // namespace sallyport::relay
