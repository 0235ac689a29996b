// The connections of one worker to one upstream. A pool belongs to one upstream with its TLS policy
// and credential, and to one loop: no connection ever crosses either.
#pragma once

#include <deque>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/config/config.h"
#include "proxy/relay/connection.h"
#include "proxy/relay/connection_cap.h"
#include "proxy/relay/dialer.h"
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
       std::unique_ptr<Dialer> dialer, std::shared_ptr<ConnectionCap> cap,
       metrics::UpstreamMetrics& metrics);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// A connection that is ready for mail: an idle one, or a new one, or, when the cap is reached,
  /// the next that comes free. Each lease ends in `give_back` or `replace`.
  runtime::Task<std::expected<Lease, Attempt>> lease(TimePoint deadline);
  /// A new connection in place of a leased one that had died. When it fails the lease is over.
  runtime::Task<std::expected<Lease, Attempt>> replace(std::unique_ptr<Connection> dead,
                                                       TimePoint deadline);
  /// The lease is over: the connection is kept, handed on or closed, as its state and age demand.
  void give_back(std::unique_ptr<Connection> connection);

  /// Aborts what is lent or being opened, and sends who waits away.
  void cut_off();
  /// Keeps no connection idle from now on: its slots are for the pool that comes after this one.
  void retire();
  /// Says QUIT to all, and is empty then. Nothing may be lent any more, or waited for.
  runtime::Task<void> drain();

  std::size_t idle() const { return idle_.size(); }

 private:
  struct Waiter {
    explicit Waiter(runtime::Loop& loop) : served(loop) {}
    runtime::Event served;
    std::unique_ptr<Connection> connection;
    bool has_slot = false;
    bool sent_away = false;
  };

  std::unique_ptr<Connection> take_idle();
  std::unique_ptr<Connection> take_longest_idle();
  runtime::Task<std::expected<Lease, Attempt>> open(TimePoint deadline);
  Lease lend(std::unique_ptr<Connection> connection, bool reused);
  void park(std::unique_ptr<Connection> connection);
  std::optional<metrics::CloseReason> reason_to_close(const Connection& connection);
  void close(std::unique_ptr<Connection> connection, metrics::CloseReason reason);
  runtime::Task<void> say_goodbye(std::unique_ptr<Connection> connection, bool yielded);
  void close_expired();
  void slot_granted();
  void asked_to_yield();
  void count_failure(const Attempt& attempt);

  runtime::Loop& loop_;
  const config::Upstream& upstream_;
  const std::string hostname_;
  const std::unique_ptr<Dialer> dialer_;
  const std::shared_ptr<ConnectionCap> cap_;
  const std::shared_ptr<ConnectionCap::Member> member_;
  metrics::UpstreamMetrics& metrics_;

  std::deque<std::unique_ptr<Connection>> idle_;  // the longest idle first
  std::deque<Waiter*> waiters_;                   // first come, first served
  std::vector<Connection*> busy_;                 // lent or being opened
  runtime::Timer idle_timer_;
  runtime::TaskGroup goodbyes_;
  std::uint64_t cut_offs_ = 0;
  bool retired_ = false;
  bool drained_ = false;
};

}  // namespace sallyport::relay
