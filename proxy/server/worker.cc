#include "proxy/server/worker.h"

#include <utility>

#include "proxy/message/transaction_id.h"
#include "proxy/runtime/event.h"
#include "proxy/server/relay_in_force.h"
#include "proxy/submission/acceptor.h"

namespace sallyport::server {
namespace {

// What the end of sessions that were cut off may take, and saying QUIT to idle upstream connections
// when everything else is done.
constexpr Duration kGoodbye = std::chrono::seconds(2);

}  // namespace

/// What lives on the worker's thread.
class Worker::Body {
 public:
  Body(runtime::Loop& loop, const Shared& shared)
      : loop_(loop),
        authenticator_(shared.authenticator),
        relay_({.loop = loop,
                .logger = shared.logger,
                .metrics = shared.metrics,
                .caps = shared.upstream_caps,
                .tokens = &shared.tokens}),
        context_{.loop = loop,
                 .authenticator = shared.authenticator,
                 .limits = shared.limits,
                 .budget = shared.budget,
                 .deliverer = relay_,
                 .metrics = shared.metrics,
                 .logger = shared.logger,
                 .networks = shared.networks,
                 .ids = ids_,
                 .wall_time = std::chrono::system_clock::now,
                 .traces = &shared.traces,
                 .ledger = &shared.ledger},
        acceptor_(context_, shared.connections),
        stop_(loop),
        last_word_(loop.timers(), [this] { end_sessions(); }) {}

  std::vector<config::Problem> prepare(const Snapshot& snapshot) {
    upstream_timeout_ = snapshot.config->session.upstream_timeout;
    auto problems = acceptor_.prepare({.config = snapshot.config, .tls = snapshot.tls});
    const auto relaying = relay_.prepare(snapshot.relaying);
    if (!relaying) {
      problems.push_back(
          {.file = snapshot.config->file, .line = 0, .column = 0, .what = relaying.error().text});
    }
    if (!problems.empty()) abandon();
    return problems;
  }

  /// The relay first: a session must find one.
  void commit() {
    relay_.commit(upstream_timeout_);
    acceptor_.commit();
  }

  void abandon() {
    relay_.abandon();
    acceptor_.abandon();
  }

  void stop(Duration at_most) {
    drain_by_ = loop_.after(at_most);
    stop_.set();
  }

  /// Cuts off whatever is under way. Deliveries first, and then sessions: their clients hear what
  /// became of their messages. Sessions that have not ended after `kGoodbye` are aborted.
  void abort() {
    if (std::exchange(aborted_, true)) return;
    stop(Duration::zero());
    authenticator_.stop_waiting();
    clean_ = acceptor_.sessions() == 0 && relay_.deliveries() == 0;
    acceptor_.hang_up();
    relay_.cut_off();
    last_word_.arm(loop_.after(kGoodbye));
  }

  /// Until stopped, then until everything has ended; true if nothing was cut off.
  runtime::Task<bool> serve() {
    (void)co_await stop_.wait();
    if (!co_await acceptor_.drain(drain_by_)) abort();
    (void)co_await acceptor_.join();
    last_word_.disarm();
    relay_.retire(loop_.after(kGoodbye));
    co_await relay_.join();
    co_return clean_;
  }

 private:
  /// Repeats, in case a delivery went on to something new after it was cut off.
  void end_sessions() {
    acceptor_.abort();
    relay_.cut_off();
    last_word_.arm(loop_.after(kGoodbye));
  }

  runtime::Loop& loop_;
  auth::Authenticator& authenticator_;
  message::TransactionIds ids_;
  RelayInForce relay_;
  submission::Context context_;
  submission::Acceptor acceptor_;
  runtime::Event stop_;
  Duration upstream_timeout_{};  // of what is prepared
  TimePoint drain_by_ = kNever;
  runtime::Timer last_word_;  // after `abort`
  bool aborted_ = false;
  bool clean_ = true;  // nothing had to be cut off
};

Worker::Worker(const Shared& shared, Callbacks callbacks)
    : shared_(shared),
      callbacks_(std::move(callbacks)),
      last_turn_(std::chrono::steady_clock::now().time_since_epoch().count()) {
  thread_ =
      std::make_unique<runtime::LoopThread>([this](runtime::Loop& loop) { return main(loop); });
}

Worker::~Worker() = default;

runtime::Task<void> Worker::main(runtime::Loop& loop) {
  Body body(loop, shared_);
  body_ = &body;
  const bool clean = co_await body.serve();
  body_ = nullptr;
  callbacks_.ended(clean);
}

void Worker::prepare(Snapshot snapshot, std::uint64_t call) {
  thread_->post([this, snapshot = std::move(snapshot), call] {
    if (body_) callbacks_.answered(call, body_->prepare(snapshot));
  });
}

void Worker::commit(std::uint64_t call) {
  thread_->post([this, call] {
    if (!body_) return;
    body_->commit();
    callbacks_.answered(call, {});
  });
}

void Worker::abandon() {
  thread_->post([this] {
    if (body_) body_->abandon();
  });
}

void Worker::drain(Duration at_most) {
  thread_->post([this, at_most] {
    if (body_) body_->stop(at_most);
  });
}

void Worker::ping() {
  thread_->post(
      [this] { last_turn_ = std::chrono::steady_clock::now().time_since_epoch().count(); });
}

void Worker::abort() {
  thread_->post([this] {
    if (body_) body_->abort();
  });
}

}  // namespace sallyport::server
