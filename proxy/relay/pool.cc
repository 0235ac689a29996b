#include "proxy/relay/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "proxy/relay/too_many.h"

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
           std::unique_ptr<Dialer> dialer, std::unique_ptr<Credential> credential,
           std::shared_ptr<ConnectionCap> cap, metrics::UpstreamMetrics& metrics)
    : loop_(loop),
      upstream_(upstream),
      hostname_(std::move(hostname)),
      dialer_(std::move(dialer)),
      credential_(std::move(credential)),
      cap_(std::move(cap)),
      member_(std::make_shared<ConnectionCap::Member>()),
      metrics_(metrics),
      idle_timer_(loop.timers(), [this] { close_expired(); }),
      press_timer_(loop.timers(), [this] { press(); }),
      goodbyes_(loop) {
  member_->loop = &loop_;
  member_->granted = [this] { slot_granted(); };
  member_->asked = [this] { asked_to_yield(); };
  cap_->join(member_);
  metrics_.allowed.set(cap_->allowed());
}

Pool::~Pool() { assert(drained_ && "a pool must be drained"); }

Task<std::expected<Pool::Lease, Attempt>> Pool::lease(const Deadlines& deadlines, Caller caller) {
  if (auto connection = take_idle()) co_return lend(std::move(connection), true);
  const bool has_slot = cap_->try_take(*member_, loop_.now());
  co_return co_await acquire(deadlines, caller, has_slot);
}

Task<std::expected<Pool::Lease, Attempt>> Pool::replace(std::unique_ptr<Connection> dead,
                                                        const Deadlines& deadlines, Caller caller) {
  std::erase(busy_, dead.get());
  metrics_.pool[PoolState::kBusy].add(-1);
  metrics_.connections_closed[CloseReason::kPeer].add();
  const bool cut_off = dead->cut_off;
  dead->abort();
  dead.reset();
  if (cut_off) {
    cap_->release(*member_);
    co_return std::unexpected(failure(Stage::kLease, stopping()));
  }
  co_return co_await acquire(deadlines, caller, true);
}

/// A new connection, with the slot there is or the next one; or what comes free before.
Task<std::expected<Pool::Lease, Attempt>> Pool::acquire(const Deadlines& deadlines, Caller caller,
                                                        bool has_slot) {
  const TimePoint since = loop_.now();
  while (true) {
    if (!has_slot) {
      const std::uint64_t cut_offs_before = cut_offs_;
      auto waited = co_await wait(deadlines.waiting_ends(since), caller, since);
      if (!waited) co_return std::unexpected(std::move(waited.error()));
      if (cut_offs_ != cut_offs_before) {
        *waited ? close(std::move(*waited), CloseReason::kShutdown) : cap_->release(*member_);
        co_return std::unexpected(failure(Stage::kLease, stopping()));
      }
      if (*waited) co_return lend(std::move(*waited), true);
    }
    auto opened = co_await open(deadlines, caller);
    if (opened) co_return std::move(*opened);
    if (!opened.error().is_one_too_many) {
      co_return std::unexpected(std::move(opened.error().attempt));
    }
    has_slot = false;  // in the place it had, by `since`
  }
}

/// Null: a slot to open one with. It is counted for us.
Task<std::expected<std::unique_ptr<Connection>, Attempt>> Pool::wait(TimePoint deadline,
                                                                     Caller caller,
                                                                     TimePoint since) {
  if (metrics_.waiting.value() >= static_cast<std::int64_t>(upstream_.max_waiting)) {
    co_return std::unexpected(failure(
        Stage::kLease, {ErrorCode::kLimit, fmt::format("{} messages wait for a connection already",
                                                       upstream_.max_waiting)}));
  }
  if (caller.story != nullptr) {
    caller.story->note(loop_.now(), "waiting",
                       fmt::format("all {} connections are in use", cap_->allowed()));
  }
  Waiter waiter(loop_, since);
  waiters_.push(caller.user, &waiter);
  cap_->wait(*member_, since, loop_.now());
  if (waiters_.size() == 1) press_timer_.arm(loop_.after(ConnectionCap::kPressEvery));
  {
    const auto waiting = metrics_.waiting.hold();
    const runtime::Cancellation::Wake wake(caller.gone, waiter.served);
    (void)co_await waiter.served.wait(deadline);
  }
  if (waiter.connection || waiter.has_slot) co_return std::move(waiter.connection);
  if (!waiter.sent_away) {
    waiters_.remove(caller.user, &waiter);
    if (waiters_.empty()) press_timer_.disarm();
  }
  cap_->stop_waiting(*member_, since, loop_.now());
  if (waiter.sent_away) co_return std::unexpected(std::move(*waiter.sent_away));
  if (caller.has_gone()) co_return std::unexpected(abandoned(Stage::kLease));
  co_return std::unexpected(
      failure(Stage::kLease,
              {ErrorCode::kLimit, fmt::format("all {} connections are in use", cap_->allowed())}));
}

/// Opens a connection for a lease and a slot that are counted already; gives both up on failure.
Task<std::expected<Pool::Lease, Pool::Failed>> Pool::open(const Deadlines& deadlines,
                                                          Caller caller) {
  if (caller.has_gone()) {
    cap_->release(*member_);
    co_return std::unexpected(Failed{.attempt = abandoned(Stage::kLease)});
  }
  const TimePoint begun = loop_.now();
  const std::uint64_t cut_offs_before = cut_offs_;
  auto opened = co_await open_connection(loop_, *dialer_, *credential_, upstream_, hostname_,
                                         deadlines.opening_ends(loop_.now()), busy_, caller.story);
  const bool cut_off = cut_offs_ != cut_offs_before;
  if (cut_off) opened = std::unexpected(failure(Stage::kLease, stopping()));
  if (opened) {
    metrics_.connections_opened.add();
    cap_->opened(*member_, loop_.now() - begun, loop_.now());
    co_return lend(std::move(*opened), false);
  }
  Failed failed{.attempt = std::move(opened.error())};
  const bool too_many = says_too_many_connections(failed.attempt);
  // Also where it is said in place of "wrong password": there is nothing for the operator to mend.
  if (too_many) failed.attempt.end = End::kDeferred;
  // Neither is a fault of the upstream.
  if (!cut_off && !is_own_shortage(failed.attempt)) count_failure(failed.attempt);
  if (too_many) {
    failed.is_one_too_many = cap_->refused(*member_, loop_.now());
    metrics_.allowed.set(cap_->allowed());
    // It takes none at all: those that wait would hear the same, one after the other.
    if (!failed.is_one_too_many) send_waiters_away(failed.attempt);
  } else {
    cap_->release(*member_);
  }
  co_return std::unexpected(std::move(failed));
}

Task<Pool::Spare> Pool::open_spare(std::uint32_t least) {
  if (retired_ || cap_->health.diagnosis()) co_return Spare::kEnough;
  if (!cap_->try_take_of(*member_, least, loop_.now())) co_return Spare::kEnough;
  const Deadlines deadlines(loop_.after(upstream_.connect_timeout));
  auto opened = co_await open(deadlines, {});
  if (!opened) co_return Spare::kFailed;
  give_back(std::move(opened->connection));
  co_return Spare::kOpened;
}

bool Pool::refused(std::unique_ptr<Connection> connection) {
  std::erase(busy_, connection.get());
  metrics_.pool[PoolState::kBusy].add(-1);
  metrics_.connections_closed[CloseReason::kPeer].add();
  connection.reset();
  const bool has_others = cap_->refused(*member_, loop_.now());
  metrics_.allowed.set(cap_->allowed());
  return has_others;
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
    if (idle_.empty()) note_idle();
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
  note_idle();
  metrics_.pool[PoolState::kIdle].add(-1);
  return connection;
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  std::erase(busy_, connection.get());
  metrics_.pool[PoolState::kBusy].add(-1);
  connection->idle_since = loop_.now();
  if (const auto reason = reason_to_close(*connection)) {
    close(std::move(connection), *reason);
  } else if (const auto heir = cap_->yield_busy(*member_, loop_.now())) {
    close_for(heir, std::move(connection));
  } else if (!waiters_.empty()) {
    Waiter& next = take_waiter();
    cap_->stop_waiting(*member_, next.since, loop_.now());
    next.connection = std::move(connection);
    next.served.set();
  } else {
    park(std::move(connection));
  }
}

void Pool::park(std::unique_ptr<Connection> connection) {
  if (idle_.empty()) idle_timer_.arm(connection->idle_since + upstream_.idle_timeout);
  idle_.push_back(std::move(connection));
  if (idle_.size() == 1) note_idle();
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
    goodbyes_.spawn(say_goodbye(std::move(connection), nullptr));
  }
}

void Pool::close_for(const std::shared_ptr<ConnectionCap::Member>& heir,
                     std::unique_ptr<Connection> connection) {
  metrics_.connections_closed[CloseReason::kMoved].add();
  goodbyes_.spawn(say_goodbye(std::move(connection), heir));
}

Task<void> Pool::say_goodbye(std::unique_ptr<Connection> connection,
                             std::shared_ptr<ConnectionCap::Member> heir) {
  co_await connection->quit(loop_.after(kGoodbyeTimeout));
  connection.reset();
  if (heir) {
    cap_->hand_over(heir);
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
    cap_->decline(*member_);
    return;
  }
  Waiter& next = take_waiter();
  cap_->accept(*member_, next.since, loop_.now());
  next.has_slot = true;
  next.served.set();
}

void Pool::asked_to_yield() {
  while (!idle_.empty()) {
    const auto heir = cap_->yield_idle(*member_, loop_.now());
    if (!heir) return;
    close_for(heir, take_longest_idle());
  }
}

void Pool::press() {
  if (waiters_.empty()) return;
  cap_->press(*member_, loop_.now());
  metrics_.allowed.set(cap_->allowed());
  press_timer_.arm(loop_.after(ConnectionCap::kPressEvery));
}

Pool::Waiter& Pool::take_waiter() {
  Waiter& next = *waiters_.take();
  if (waiters_.empty()) press_timer_.disarm();
  return next;
}

/// Tells other workers since when a connection is idle here.
void Pool::note_idle() {
  member_->idle_since.store(idle_.empty() ? kNever : idle_.front()->idle_since,
                            std::memory_order_relaxed);
}

void Pool::count_failure(const Attempt& attempt) {
  // Refused logins are counted where every attempt ends: they may come at later stages, too.
  if (attempt.meaning == Meaning::kCredentials || attempt.meaning == Meaning::kAccount) return;
  using metrics::ConnectFailure;
  const bool timed_out = !attempt.reply && attempt.error.code == ErrorCode::kTimeout;
  // "tls" pages: it is for a peer that is not the upstream, or is stripped of its TLS.
  const bool untrusted =
      !attempt.reply && attempt.stage == Stage::kTls && attempt.error.code == ErrorCode::kTls;
  const bool lost = !attempt.reply && (attempt.stage == Stage::kConnect ||
                                       attempt.error.code == ErrorCode::kNetwork ||
                                       attempt.error.code == ErrorCode::kClosed);
  const ConnectFailure kind = timed_out   ? ConnectFailure::kTimeout
                              : untrusted ? ConnectFailure::kTls
                              : lost      ? ConnectFailure::kNetwork
                                          : ConnectFailure::kProtocol;
  metrics_.connect_failures[kind].add();
}

void Pool::cut_off() {
  ++cut_offs_;
  for (Connection* const connection : busy_) {
    connection->cut_off = true;
    connection->abort();
  }
  dialer_->cut_off();
  credential_->cut_off();
  send_waiters_away(failure(Stage::kLease, stopping()));
}

void Pool::send_waiters_away(const Attempt& why) {
  while (!waiters_.empty()) {
    Waiter& waiter = take_waiter();
    waiter.sent_away = why;
    waiter.served.set();
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
