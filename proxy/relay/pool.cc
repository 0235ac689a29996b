#include "proxy/relay/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace sallyport::relay {
namespace {

using metrics::CloseReason;
using metrics::PoolState;
using runtime::Task;

// A connection keeps its slot until the upstream has said goodbye, so that the upstream never sees
// more of us than the cap; but not for longer than this.
constexpr Duration kGoodbyeTimeout = std::chrono::seconds(2);

Error stopping() { return {ErrorCode::kCancelled, "sallyport is stopping"}; }

}  // namespace

Pool::Pool(runtime::Loop& loop, const config::Upstream& upstream, std::string hostname,
           std::unique_ptr<Dialer> dialer, std::shared_ptr<ConnectionCap> cap,
           metrics::UpstreamMetrics& metrics)
    : loop_(loop),
      upstream_(upstream),
      hostname_(std::move(hostname)),
      dialer_(std::move(dialer)),
      cap_(std::move(cap)),
      member_(std::make_shared<ConnectionCap::Member>()),
      metrics_(metrics),
      idle_timer_(loop.timers(), [this] { close_expired(); }),
      goodbyes_(loop) {
  member_->loop = &loop_;
  member_->granted = [this] { slot_granted(); };
  member_->asked = [this] { asked_to_yield(); };
  cap_->join(member_);
}

Pool::~Pool() { assert(drained_ && "a pool must be drained"); }

Task<std::expected<Pool::Lease, Attempt>> Pool::lease(TimePoint deadline) {
  if (auto connection = take_idle()) co_return lend(std::move(connection), true);
  if (!cap_->try_take(*member_)) {
    Waiter waiter(loop_);
    waiters_.push_back(&waiter);
    cap_->wait(*member_, loop_.now());
    const auto waiting = metrics_.waiting.hold();
    (void)co_await waiter.served.wait(deadline);
    if (waiter.connection) co_return lend(std::move(waiter.connection), true);
    if (!waiter.has_slot) {
      std::erase(waiters_, &waiter);
      cap_->stop_waiting(*member_);
      Error why{ErrorCode::kLimit, fmt::format("all {} connections are in use", cap_->limit())};
      if (waiter.sent_away) why = stopping();
      co_return std::unexpected(failure(Stage::kLease, std::move(why)));
    }
  }
  co_return co_await open(deadline);
}

Task<std::expected<Pool::Lease, Attempt>> Pool::replace(std::unique_ptr<Connection> dead,
                                                        TimePoint deadline) {
  std::erase(busy_, dead.get());
  metrics_.pool[PoolState::kBusy].add(-1);
  metrics_.connections_closed[CloseReason::kPeer].add();
  dead->abort();
  dead.reset();
  co_return co_await open(deadline);
}

/// Opens a connection for a lease and a slot that are counted already; gives both up on failure.
Task<std::expected<Pool::Lease, Attempt>> Pool::open(TimePoint deadline) {
  const std::uint64_t cut_offs_before = cut_offs_;
  auto opened = co_await open_connection(loop_, *dialer_, upstream_, hostname_, deadline, busy_);
  const bool cut_off = cut_offs_ != cut_offs_before;
  if (cut_off) opened = std::unexpected(failure(Stage::kLease, stopping()));
  if (!opened) {
    if (!cut_off) count_failure(opened.error());  // it is no fault of the upstream
    cap_->release(*member_);
    co_return std::unexpected(std::move(opened.error()));
  }
  metrics_.connections_opened.add();
  co_return lend(std::move(*opened), false);
}

Pool::Lease Pool::lend(std::unique_ptr<Connection> connection, bool reused) {
  if (reused) metrics_.connections_reused.add();
  metrics_.pool[PoolState::kBusy].add(1);
  busy_.push_back(connection.get());
  return {std::move(connection), reused};
}

/// The connection used last, of those that are still good.
std::unique_ptr<Connection> Pool::take_idle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    member_->idle.fetch_sub(1, std::memory_order_relaxed);
    metrics_.pool[PoolState::kIdle].add(-1);
    if (const auto reason = reason_to_close(*connection)) {
      close(std::move(connection), *reason);
    } else {
      return connection;
    }
  }
  return nullptr;
}

std::unique_ptr<Connection> Pool::take_longest_idle() {
  auto connection = std::move(idle_.front());
  idle_.pop_front();
  member_->idle.fetch_sub(1, std::memory_order_relaxed);
  metrics_.pool[PoolState::kIdle].add(-1);
  return connection;
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  std::erase(busy_, connection.get());
  metrics_.pool[PoolState::kBusy].add(-1);
  connection->idle_since = loop_.now();
  if (const auto reason = reason_to_close(*connection)) {
    close(std::move(connection), *reason);
  } else if (cap_->should_yield(*member_, loop_.now())) {
    metrics_.connections_closed[CloseReason::kIdle].add();
    goodbyes_.spawn(say_goodbye(std::move(connection), true));
  } else if (!waiters_.empty()) {
    Waiter& next = *waiters_.front();
    waiters_.pop_front();
    cap_->stop_waiting(*member_);
    next.connection = std::move(connection);
    next.served.set();
  } else {
    park(std::move(connection));
  }
}

void Pool::park(std::unique_ptr<Connection> connection) {
  if (idle_.empty()) idle_timer_.arm(connection->idle_since + upstream_.idle_timeout);
  idle_.push_back(std::move(connection));
  member_->idle.fetch_add(1, std::memory_order_relaxed);
  metrics_.pool[PoolState::kIdle].add(1);
}

std::optional<CloseReason> Pool::reason_to_close(const Connection& connection) {
  if (connection.closing) return connection.closing;
  if (retired_ && waiters_.empty()) return CloseReason::kShutdown;
  if (!connection.is_quiet()) return CloseReason::kPeer;
  if (connection.messages >= upstream_.max_messages_per_connection) return CloseReason::kMessages;
  const std::uint64_t mail_max = connection.capabilities.limits.mail_max;  // RFC 9422
  if (mail_max != 0 && connection.mails >= mail_max) return CloseReason::kMessages;
  const TimePoint now = loop_.now();
  if (now - connection.opened >= upstream_.max_connection_age) return CloseReason::kAge;
  if (now - connection.idle_since >= upstream_.idle_timeout) return CloseReason::kIdle;
  return std::nullopt;
}

void Pool::close(std::unique_ptr<Connection> connection, CloseReason reason) {
  metrics_.connections_closed[reason].add();
  if (reason == CloseReason::kPeer || reason == CloseReason::kError) {
    // What the kernel still holds of a message that failed must not go out.
    if (reason == CloseReason::kError) connection->abort();
    connection.reset();
    cap_->release(*member_);
  } else {
    goodbyes_.spawn(say_goodbye(std::move(connection), false));
  }
}

Task<void> Pool::say_goodbye(std::unique_ptr<Connection> connection, bool yielded) {
  co_await connection->quit(loop_.after(kGoodbyeTimeout));
  connection.reset();
  if (yielded) {
    cap_->release_yielded();
  } else {
    cap_->release(*member_);
  }
}

void Pool::close_expired() {
  const TimePoint idle_before = loop_.now() - upstream_.idle_timeout;
  while (!idle_.empty() && idle_.front()->idle_since <= idle_before) {
    auto connection = take_longest_idle();
    const bool gone = !connection->is_quiet();
    close(std::move(connection), gone ? CloseReason::kPeer : CloseReason::kIdle);
  }
  if (!idle_.empty()) idle_timer_.arm(idle_.front()->idle_since + upstream_.idle_timeout);
}

void Pool::slot_granted() {
  if (waiters_.empty()) {
    cap_->release(*member_);
    return;
  }
  Waiter& next = *waiters_.front();
  waiters_.pop_front();
  next.has_slot = true;
  next.served.set();
}

void Pool::asked_to_yield() {
  if (idle_.empty()) {
    cap_->decline(*member_);
  } else if (cap_->should_yield(*member_, loop_.now())) {
    metrics_.connections_closed[CloseReason::kIdle].add();
    goodbyes_.spawn(say_goodbye(take_longest_idle(), true));
  }
}

void Pool::count_failure(const Attempt& attempt) {
  // Refused logins are counted where every attempt ends: they may come at later stages, too.
  if (attempt.meaning == Meaning::kCredentials || attempt.meaning == Meaning::kAccount) return;
  using metrics::ConnectFailure;
  const bool timed_out = !attempt.reply && attempt.error.code == ErrorCode::kTimeout;
  const ConnectFailure kind = timed_out                          ? ConnectFailure::kTimeout
                              : attempt.stage == Stage::kConnect ? ConnectFailure::kNetwork
                              : attempt.stage == Stage::kTls     ? ConnectFailure::kTls
                                                                 : ConnectFailure::kProtocol;
  metrics_.connect_failures[kind].add();
}

void Pool::cut_off() {
  ++cut_offs_;
  for (Connection* const connection : busy_) connection->abort();
  dialer_->cut_off();
  for (Waiter* const waiter : waiters_) {
    waiter->sent_away = true;
    waiter->served.set();
  }
}

void Pool::retire() {
  retired_ = true;
  while (!idle_.empty()) close(take_longest_idle(), CloseReason::kShutdown);
}

Task<void> Pool::drain() {
  assert(busy_.empty() && waiters_.empty());
  retire();
  (void)co_await goodbyes_.join();
  cap_->leave(member_);
  // What other workers posted before still refers to this pool.
  runtime::Event caught_up(loop_);
  loop_.post([&caught_up] { caught_up.set(); });
  (void)co_await caught_up.wait();
  idle_timer_.disarm();
  drained_ = true;
}

}  // namespace sallyport::relay
