// How many connections the whole process may have to one upstream, shared by the pools of all
// workers, and who is next when all are in use.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/runtime/loop.h"

namespace sallyport::relay {

/// Slots for connections: one a connection, from before it is opened until it is closed.
/// Thread-safe. A pool takes slots for itself and queues for one by joining as a member.
///
/// Slots that come free go to who waits longest, in any worker. A worker with connections keeps
/// reusing them for its own deliveries, since a new connection costs handshakes, but gives one up
/// to a worker that has clearly fewer (`should_yield`): so shares even out and nobody starves.
class ConnectionCap {
 public:
  /// One pool. Its functions are called on its own loop.
  struct Member {
    runtime::Loop* loop = nullptr;
    std::function<void()> granted;       ///< A slot that was waited for is yours.
    std::function<void()> asked;         ///< Somebody waits: `should_yield` an idle connection?
    std::atomic<std::uint32_t> idle{0};  ///< Connections it could give up; kept by the pool.

   private:
    friend class ConnectionCap;
    std::uint32_t held_ = 0;
    std::deque<TimePoint> waiting_;  // since when, for each that waits
  };

  explicit ConnectionCap(std::uint32_t limit) : limit_(limit) {}

  /// `member` takes part until `leave`; after that nothing new is posted to its loop.
  void join(const std::shared_ptr<Member>& member);
  void leave(const std::shared_ptr<Member>& member);

  /// A slot, if one is free.
  bool try_take(Member& member);
  /// Queues for a slot: each wait ends in one `granted` or one `stop_waiting`.
  void wait(Member& member, TimePoint now);
  /// One of the member's waits is over, the oldest: within a worker it is first come, first served.
  void stop_waiting(Member& member);
  /// A connection was closed, or a granted slot is not needed: it goes to who waits longest.
  void release(Member& member);

  /// `member` could use a connection again or keep it idle: should it close it for another worker's
  /// sake? If so the slot is no longer the member's, and `release_yielded` follows. Costs one load
  /// while nobody waits.
  bool should_yield(Member& member, TimePoint now);
  void release_yielded();
  /// `member` was asked and has no idle connection: another may have one.
  void decline(const Member& member);

  /// The most slots from now on. Fewer than are in use: none is taken back, and none is given out
  /// until enough were released. More: those who wait get them.
  void set_limit(std::uint32_t limit);
  std::uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }
  /// Slots in use.
  std::uint32_t used() const;

 private:
  Member* longest_waiting(const Member* except) const;
  void hand_on();
  void ask_another(const Member& than);

  std::atomic<std::uint32_t> limit_;
  std::atomic<std::uint32_t> waiting_{0};
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Member>> members_;
  std::uint32_t used_ = 0;
  std::uint32_t yielding_ = 0;  // connections being closed for those who wait
};

/// The caps of the process: pools of the same upstream find the same one, in each worker, and
/// before and after a reload that changes the upstream: a provider counts all our connections.
/// Thread-safe.
class ConnectionCaps {
 public:
  /// The cap of the upstream of this name, for as long as it is held; its limit is this one's
  /// `max_connections` from now on.
  std::shared_ptr<ConnectionCap> of(const config::Upstream& upstream);

 private:
  struct Known {
    std::string upstream;
    std::weak_ptr<ConnectionCap> cap;
  };

  std::mutex mutex_;
  std::vector<Known> known_;
};

}  // namespace sallyport::relay
