// The connections of one worker to one upstream. A pool belongs to one upstream with its TLS policy
// and credential, and to one loop: no connection ever crosses either.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/config/config.h"
#include "proxy/relay/connection.h"
#include "proxy/relay/connection_cap.h"
#include "proxy/relay/credential.h"
#include "proxy/relay/deadlines.h"
#include "proxy/relay/delivery.h"
#include "proxy/relay/dialer.h"
#include "proxy/relay/fair_queue.h"
#include "proxy/relay/opening.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::relay {

/// Lends connections, last in, first out, so that what is not needed goes idle and ends. It must be
/// drained before it dies.
class Pool {
 public:
  struct Lease {
    std::unique_ptr<Connection> connection;
    bool reused = false;  ///< It was used or idle before, and may have died meanwhile.
  };

  /// All references outlive the pool. `hostname` is said in EHLO.
  Pool(runtime::Loop& loop, const config::Upstream& upstream, std::string hostname,
       std::unique_ptr<Dialer> dialer, std::unique_ptr<Credential> credential,
       std::shared_ptr<ConnectionCap> cap, metrics::UpstreamMetrics& metrics);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// A connection that is ready for mail: an idle one, or a new one, or, when the cap is reached,
  /// the next that comes free: users take turns at those. Each lease ends in `give_back`, `replace`
  /// or `refused`. The attempt is kAbandoned if the client has gone before there is one.
  runtime::Task<std::expected<Lease, Attempt>> lease(const Deadlines& deadlines, Caller caller);
  /// A new connection in place of a leased one that had died, or, if the upstream allows no more of
  /// them, the next that comes free. When it fails the lease is over.
  runtime::Task<std::expected<Lease, Attempt>> replace(std::unique_ptr<Connection> dead,
                                                       const Deadlines& deadlines, Caller caller);
  enum class Spare : std::uint8_t { kOpened, kEnough, kFailed };
  /// Opens a connection that nobody has asked for, if the process has fewer than `least` and the
  /// upstream is in no trouble.
  runtime::Task<Spare> open_spare(std::uint32_t least);
  /// The lease is over: the connection is kept, handed on or closed, as its state and age demand.
  void give_back(std::unique_ptr<Connection> connection);
  /// The lease is over: the upstream said on this connection that it has too many of ours. It is
  /// closed. True if there are others, so that it is worth waiting for one.
  bool refused(std::unique_ptr<Connection> connection);

  /// Aborts what is lent or being opened, and sends who waits away.
  void cut_off();
  /// Keeps no connection idle from now on: its slots are for the pool that comes after this one.
  void retire();
  /// Says QUIT to all, and is empty then. Nothing may be lent any more, or waited for.
  runtime::Task<void> drain();

  std::size_t idle() const { return idle_.size(); }

 private:
  struct Waiter {
    Waiter(runtime::Loop& loop, TimePoint begun) : served(loop), since(begun) {}
    runtime::Event served;
    const TimePoint since;
    std::unique_ptr<Connection> connection;
    bool has_slot = false;
    std::optional<Attempt> sent_away;  // why
  };

  std::unique_ptr<Connection> take_idle();
  std::unique_ptr<Connection> take_longest_idle();
  /// What waiting or opening came to, if not a connection.
  struct Failed {
    Attempt attempt;
    bool is_one_too_many = false;  ///< The upstream has others of ours: wait for one.
  };

  runtime::Task<std::expected<Lease, Attempt>> acquire(const Deadlines& deadlines, Caller caller,
                                                       bool has_slot);
  runtime::Task<std::expected<std::unique_ptr<Connection>, Attempt>> wait(TimePoint deadline,
                                                                          Caller caller,
                                                                          TimePoint since);
  runtime::Task<std::expected<Lease, Failed>> open(const Deadlines& deadlines, Caller caller);
  Waiter& take_waiter();
  void send_waiters_away(const Attempt& why);
  void note_idle();
  Lease lend(std::unique_ptr<Connection> connection, bool reused);
  void park(std::unique_ptr<Connection> connection);
  std::optional<metrics::CloseReason> reason_to_close(const Connection& connection);
  void close(std::unique_ptr<Connection> connection, metrics::CloseReason reason);
  void close_for(const std::shared_ptr<ConnectionCap::Member>& heir,
                 std::unique_ptr<Connection> connection);
  /// `heir` gets the slot; null: the worker that waits longest.
  runtime::Task<void> say_goodbye(std::unique_ptr<Connection> connection,
                                  std::shared_ptr<ConnectionCap::Member> heir);
  void close_expired();
  void slot_granted();
  void asked_to_yield();
  void press();
  void count_failure(const Attempt& attempt);

  runtime::Loop& loop_;
  const config::Upstream& upstream_;
  const std::string hostname_;
  const std::unique_ptr<Dialer> dialer_;
  const std::unique_ptr<Credential> credential_;
  const std::shared_ptr<ConnectionCap> cap_;
  const std::shared_ptr<ConnectionCap::Member> member_;
  metrics::UpstreamMetrics& metrics_;

  std::deque<std::unique_ptr<Connection>> idle_;  // the longest idle first
  FairQueue<Waiter*> waiters_;
  std::vector<Connection*> busy_;  // lent or being opened
  runtime::Timer idle_timer_;
  runtime::Timer press_timer_;  // runs while deliveries wait
  runtime::TaskGroup goodbyes_;
  std::uint64_t cut_offs_ = 0;
  bool retired_ = false;
  bool drained_ = false;
};

}  // namespace sallyport::relay
