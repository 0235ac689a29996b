// AUTH: RFC 4954. The exchange is auth::SaslExchange's, the verdict auth::Authenticator's; here are
// the lines on the wire, and what a verdict means for the session.
#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "proxy/base/base64.h"
#include "proxy/submission/session.h"

namespace sallyport::submission {
namespace {

constexpr std::string_view kPlus = "SCRAM-SHA-256-PLUS";

// A client that keeps an idle connection open with NOOP may do so this often without end.
constexpr Duration kIdleCommandInterval = std::chrono::seconds(1);

LoginFailure failure_of(auth::Rejected::Cause cause) {
  switch (cause) {
    case auth::Rejected::Cause::kUnknownUser:
      return LoginFailure::kUnknownUser;
    case auth::Rejected::Cause::kWrongPassword:
      return LoginFailure::kWrongPassword;
    case auth::Rejected::Cause::kForeignAuthzid:
      return LoginFailure::kForeignAuthzid;
    case auth::Rejected::Cause::kForeignNetwork:
      return LoginFailure::kForeignNetwork;
    case auth::Rejected::Cause::kSource:
      return LoginFailure::kSource;
  }
  return LoginFailure::kWrongPassword;
}

}  // namespace

runtime::Task<void> Session::authenticate(std::string_view arguments) {
  auto command = smtp::parse_auth(arguments);
  dialog_.forget_lines();
  if (!command) co_return refuse(command.error());
  const std::vector<std::string> offered = mechanisms();
  std::unique_ptr<auth::SaslExchange> exchange;
  if (std::ranges::find(offered, command->mechanism) != offered.end()) {
    const bool binds = std::ranges::find(offered, kPlus) != offered.end();
    exchange = auth::start_exchange(
        command->mechanism,
        {.find_scram_user =
             [this](std::string_view name) { return context_.authenticator.find_scram_user(name); },
         .tls_exporter = binds ? tls_stream_->channel_binding() : std::string()});
  }
  if (!exchange) co_return refuse(replies::kNoSuchMechanism);

  const std::string mechanism = command->mechanism;
  auto& results = context_.metrics.for_mechanism(mechanism).results;
  auto end_of_exchange = co_await run_exchange(*exchange, std::move(command->initial_response));
  if (!end_of_exchange) {
    results[metrics::AuthResult::kAborted].add();
    co_return;
  }
  // Replies before this one must not wait for a password to be hashed.
  const auto sent = co_await dialog_.flush(after(config().session.command_timeout));
  if (!sent) co_return end(sent.error());
  const auto* proof = std::get_if<auth::Proof>(&*end_of_exchange);
  const std::string authcid(proof ? auth::claimed_name(*proof) : std::string_view());
  auto verdict = co_await judge(*std::move(end_of_exchange), mechanism);
  login_by_ = after(config().session.login_timeout);  // the time we took is not the client's

  if (auto* accepted = std::get_if<auth::Accepted>(&verdict)) {
    results[metrics::AuthResult::kAccepted].add();
    if (log_in(std::move(accepted->identity), mechanism)) dialog_.say(replies::kAuthenticated);
  } else if (const auto* rejected = std::get_if<auth::Rejected>(&verdict)) {
    co_await reject(*rejected, mechanism, *exchange);
  } else if (const auto* barred = std::get_if<auth::Barred>(&verdict)) {
    results[metrics::AuthResult::kBarred].add();
    context_.refusals.login_failed(context_.logger, context_.loop.now(), LoginFailure::kBarred,
                                   log_client(), mechanism, barred->name);
    count_refusal(421);
    disconnect(metrics::Offence::kTooManyFailures, replies::barred(barred->bar.left));
  } else {
    const auto& [reason, busy, detail] = std::get<auth::Unavailable>(verdict);
    results[metrics::AuthResult::kUnavailable].add();
    if (busy) context_.metrics.process().auth_queue_refusals.add();
    context_.refusals.login_failed(context_.logger, context_.loop.now(), LoginFailure::kUnavailable,
                                   log_client(), mechanism, authcid,
                                   detail.empty() ? reason : detail);
    // A client that goes on at once would only make the queue longer.
    fail_login(replies::auth_unavailable(reason), 454);
  }
}

runtime::Task<auth::Verdict> Session::judge(ExchangeEnd end, std::string mechanism) {
  if (auto* disproved = std::get_if<auth::Rejected>(&end)) {
    co_return context_.authenticator.disproved(context_.loop, std::move(*disproved),
                                               client_address());
  }
  co_return co_await context_.authenticator.verify(
      context_.loop, std::get<auth::Proof>(std::move(end)), client_address(), mechanism);
}

std::vector<std::string> Session::mechanisms() const {
  std::vector<std::string> usable = gate_.settings.mechanisms.value_or(config().auth.mechanisms);
  // Its binding is of TLS 1.3.
  if (tls_ == nullptr || tls_->version != "TLSv1.3") std::erase(usable, kPlus);
  return usable;
}

runtime::Task<void> Session::reject(const auth::Rejected& rejected, const std::string& mechanism,
                                    const auth::SaslExchange& exchange) {
  context_.metrics.for_mechanism(mechanism).results[metrics::AuthResult::kRejected].add();
  context_.refusals.login_failed(context_.logger, context_.loop.now(), failure_of(rejected.cause),
                                 log_client(), mechanism, rejected.name, rejected.detail);
  if (rejected.penalty.bars) note_bar(*rejected.penalty.bars, rejected.name);
  co_await hold_back(rejected.penalty.delay);
  if (!exchange.last_word().empty()) {
    dialog_.say(replies::challenge(exchange.last_word()));
    // "*" is an answer, too: it has heard 501.
    if (!co_await read_response()) {
      if (open_) count_failed_login();
      co_return;
    }
  }
  fail_login(replies::kBadCredentials, 535);
}

runtime::Task<std::optional<Session::ExchangeEnd>> Session::run_exchange(
    auth::SaslExchange& exchange, std::optional<std::string> initial) {
  std::optional<std::string> response;
  if (initial) {
    response = *initial == "=" ? "" : base64::decode(*initial);
    wipe(*initial);
    if (!response) {
      refuse(replies::kBadBase64);
      co_return std::nullopt;
    }
  }
  while (true) {
    auth::SaslStep step = exchange.step(response);
    if (response) wipe(*response);
    if (auto* proof = std::get_if<auth::Proof>(&step)) co_return std::move(*proof);
    if (auto* disproved = std::get_if<auth::Disproved>(&step)) {
      using Cause = auth::Rejected::Cause;
      co_return auth::Rejected{disproved->is_known ? Cause::kWrongPassword : Cause::kUnknownUser,
                               std::move(disproved->name)};
    }
    if (const auto* malformed = std::get_if<auth::Malformed>(&step)) {
      refuse(replies::malformed_response(malformed->reason));
      co_return std::nullopt;
    }
    dialog_.say(replies::challenge(std::get<auth::Challenge>(step).text));
    response = co_await read_response();
    if (!response) co_return std::nullopt;
  }
}

runtime::Task<std::optional<std::string>> Session::read_response() {
  using State = smtp::LineBuffer::State;
  const TimePoint deadline = deadline_after(config().session.command_timeout);
  auto next = dialog_.next_line();
  while (next.state == State::kPartial) {
    const auto received = co_await dialog_.receive(deadline);
    if (!received) {
      end(received.error());
      co_return std::nullopt;
    }
    next = dialog_.next_line();
  }
  if (next.state == State::kTooLong) {
    refuse(replies::kResponseTooLong);
  } else if (next.state != State::kLine) {
    refuse(replies::for_fault(next.state));
  } else if (next.line == "*") {
    refuse(replies::kAuthCancelled);
  } else {
    auto response = base64::decode(next.line);
    dialog_.forget_lines();
    if (!response) refuse(replies::kBadBase64);
    co_return response;
  }
  co_return std::nullopt;
}

void Session::log_in_by_network() {
  smtp::SessionState then = state();
  then.authenticated = true;
  if (smtp::check(then, smtp::Verb::kMail)) return;  // nothing but a login would be missing
  auto identity = context_.authenticator.trusted(client_address());
  if (!identity) return;
  log_in(*std::move(identity), {});
}

bool Session::log_in(auth::Identity identity, std::string mechanism) {
  auto& user_metrics = context_.metrics.for_user(identity.name());
  auto limits = context_.limits.find(identity.user(), context_.loop.now());
  auto connection = limits->connect();
  if (!connection) {
    user_metrics.limit_refusals[metrics::Limit::kConnections].add();
    gate_.metrics.connections_refused[metrics::Refusal::kUser].add();
    context_.refusals.login_failed(context_.logger, context_.loop.now(),
                                   LoginFailure::kTooManyConnections, log_client(), {},
                                   identity.name());
    count_refusal(421);
    end(policy::reply_for(connection.error(), identity.name()).wire());
    return false;
  }
  login_ = std::make_unique<Login>(std::move(identity), std::move(limits), std::move(*connection),
                                   user_metrics, std::move(mechanism), context_.loop.now());
  commands_ = CommandBudget(config().session.max_idle_commands, kIdleCommandInterval);
  network_.authenticate();
  dialog_.be_patient();
  return true;
}

void Session::note_bar(auth::BarredBy by, std::string_view name) {
  context_.metrics.process()
      .auth_bars[by == auth::BarredBy::kNetwork ? metrics::AuthBar::kNetwork
                                                : metrics::AuthBar::kAccount]
      .add();
  context_.refusals.barred(context_.logger, context_.loop.now(), by, log_client(), name);
}

runtime::Task<void> Session::hold_back(Duration delay) {
  if (delay <= Duration::zero() || draining_) co_return;
  runtime::Event woken(context_.loop);
  hold_ = &woken;
  (void)co_await woken.wait(after(delay));
  hold_ = nullptr;
  login_by_ = after(config().session.login_timeout);
}

void Session::fail_login(std::string_view reply, int code) {
  dialog_.say(reply);
  count_refusal(code);
  count_failed_login();
}

void Session::count_failed_login() {
  if (++tally_.auth_failures >= config().session.max_auth_failures) {
    disconnect(metrics::Offence::kTooManyFailures, replies::kTooManyAuthFailures);
  }
}

bool Session::renew_login() {
  if (context_.loop.now() >= login_->identity.valid_until()) {
    disconnect(metrics::Offence::kRevoked, replies::kTokenEnded);
    return false;
  }
  const std::uint64_t before = login_->identity.generation();
  switch (context_.authenticator.renew(login_->identity)) {
    case auth::Renewal::kHolds:
      break;
    case auth::Renewal::kRemoved:
      disconnect(metrics::Offence::kRevoked, replies::kUserRemoved);
      return false;
    case auth::Renewal::kPasswordChanged:
      disconnect(metrics::Offence::kRevoked, replies::kPasswordChanged);
      return false;
  }
  if (login_->identity.generation() != before) {
    login_->limits = context_.limits.find(login_->identity.user(), context_.loop.now());
  }
  return true;
}

}  // namespace sallyport::submission
