// The listeners of one worker and the sessions that come of them. Knows nothing of what is said.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/load.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"
#include "proxy/runtime/tcp.h"
#include "proxy/submission/context.h"
#include "proxy/submission/session.h"

namespace sallyport::submission {

/// Clients' connections in the whole process. Thread-safe; outlives every Acceptor.
class ConnectionCount {
 public:
  /// One more, unless `most`, or as many as there is room for, are open already.
  bool take(std::uint32_t most) {
    const std::uint32_t room = room_.load(std::memory_order_relaxed);
    if (open_.fetch_add(1, std::memory_order_relaxed) < std::min(most, room)) return true;
    give_back();
    return false;
  }
  void give_back() { open_.fetch_sub(1, std::memory_order_relaxed); }
  /// How many the process has descriptors for, whatever the config allows.
  void set_room(std::uint32_t room) { room_.store(room, std::memory_order_relaxed); }
  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> open_{0};
  std::atomic<std::uint32_t> room_{std::numeric_limits<std::uint32_t>::max()};
};

/// Accepts connections and owns their sessions. Belongs to the loop of its context; `context` and
/// `connections` outlive it. Drain it before it dies.
class Acceptor {
 public:
  Acceptor(Context& context, ConnectionCount& connections);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Opens the listeners of `snapshot` that are not open yet, and keeps all for `commit`: clients
  /// that connect to the new ones wait. Each problem says which address can't be listened on; with
  /// any, nothing is kept. What was prepared before is dropped.
  std::vector<config::Problem> prepare(SessionSnapshot snapshot);
  /// Listens where what was prepared last says, and nowhere else; connections from now on get its
  /// snapshot, sessions go on with theirs, and idle ones end whose login does not hold any more.
  void commit();
  /// Drops what was prepared, and closes what was opened for it.
  void abandon() { prepared_.reset(); }

  /// Stops listening and asks every session to end: those that wait for a command say 421 4.3.2 at
  /// once, those in a mail transaction after it. Whoever has not ended by `deadline` is
  /// interrupted, and kTimeout returned: `abort` them, stop deliveries, and `join`.
  runtime::Task<Result<void>> drain(TimePoint deadline);
  /// Stops listening and interrupts every session: those that wait for a client say 421 and end,
  /// those that wait for a delivery answer it first.
  void hang_up();
  /// Stops listening and ends every connection at once.
  void abort();
  /// Returns when every session has ended. After `drain` or `abort`.
  runtime::Task<Result<void>> join(TimePoint deadline = kNever) { return tasks_.join(deadline); }

  std::size_t sessions() const { return sessions_.size(); }
  /// Where we listen, in the order of the config: tells the port when 0 was asked for.
  std::vector<runtime::SocketAddress> addresses() const;

 private:
  /// One listening socket.
  struct Door {
    Door(runtime::Loop& loop, const config::Endpoint& at, metrics::ListenerMetrics& counters,
         std::unique_ptr<runtime::TcpListener> listening)
        : endpoint(at), metrics(counters), listener(std::move(listening)), closing(loop) {}

    const config::Endpoint endpoint;
    metrics::ListenerMetrics& metrics;
    const std::unique_ptr<runtime::TcpListener> listener;
    runtime::Event closing;
    std::size_t index = 0;  // in the snapshot's listeners
  };

  /// A listener of a snapshot that is not in force yet: a door that is open, or one to be.
  struct Place {
    std::shared_ptr<Door> door;
    std::unique_ptr<runtime::TcpListener> listener;  // where there is no door
  };
  struct Prepared {
    SessionSnapshot snapshot;
    std::vector<Place> places;  // as the snapshot's listeners
  };

  Result<Place> place_for(const config::Endpoint& endpoint) const;
  void stop_listening();
  static void close(Door& door);
  runtime::Task<void> accept_at(std::shared_ptr<Door> door);
  void accept(Door& door, runtime::Arrival arrival);
  /// Why this arrival is not let in; else it counts, and `network` is its place.
  std::optional<metrics::Refusal> check_limits(const config::Listener& settings,
                                               const IpAddress& client,
                                               NetworkCount::Slot& network);
  runtime::Task<void> host(std::list<Session>::iterator session);

  Context& context_;
  ConnectionCount& connections_;
  SessionSnapshot snapshot_;
  std::vector<std::shared_ptr<Door>> doors_;
  std::optional<Prepared> prepared_;
  std::list<Session> sessions_;
  runtime::TaskGroup tasks_;
};

}  // namespace sallyport::submission
