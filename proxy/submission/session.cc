#include "proxy/submission/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/config/values.h"
#include "proxy/relay/cause.h"
#include "proxy/smtp/command.h"
#include "proxy/smtp/order.h"
#include "proxy/submission/replies.h"

namespace sallyport::submission {
namespace {

// Replies to a long pipelined group are sent in pieces, so that they never fill memory.
constexpr std::size_t kMostUnsent = 16 * 1024;
// How long we wait for the client to take our goodbye.
constexpr auto kGoodbyeTime = std::chrono::seconds(5);
// Commands that are answered before other sessions get their turn. 64 KiB hold ten thousand.
constexpr std::uint32_t kMostCommandsInATurn = 64;

}  // namespace

/// What answers a verb: a function that answers at once, or a coroutine that talks on.
struct Session::Handler {
  void (Session::*answer)(std::string_view arguments) = nullptr;
  runtime::Task<void> (Session::*talk)(std::string_view arguments) = nullptr;

  static const Handler& of(smtp::Verb verb);
};

const Session::Handler& Session::Handler::of(smtp::Verb verb) {
  // In the order of smtp::Verb.
  static constexpr std::array handlers = {
      Handler{.answer = &Session::ehlo},    Handler{.answer = &Session::helo},
      Handler{.talk = &Session::starttls},  Handler{.talk = &Session::authenticate},
      Handler{.answer = &Session::mail},    Handler{.answer = &Session::rcpt},
      Handler{.talk = &Session::data},      Handler{.talk = &Session::bdat},
      Handler{.answer = &Session::rset},    Handler{.answer = &Session::noop},
      Handler{.answer = &Session::vrfy},    Handler{.answer = &Session::expn},
      Handler{.answer = &Session::help},    Handler{.answer = &Session::quit},
      Handler{.answer = &Session::unknown},
  };
  static_assert(handlers.size() == static_cast<std::size_t>(smtp::Verb::kUnknown) + 1);
  return handlers[static_cast<std::size_t>(verb)];
}

Session::Session(Context& context, SessionSnapshot snapshot, Gate gate,
                 std::unique_ptr<runtime::Transport> stream, std::string client_ip,
                 NetworkCount::Slot network)
    : context_(context),
      snapshot_(std::move(snapshot)),
      gate_(gate),
      enabled_(smtp::all_but(gate.settings.disabled_extensions)),
      client_ip_(std::move(client_ip)),
      network_(std::move(network)),
      transport_(stream.get()),
      dialog_(context.loop, std::move(stream)),
      open_session_(gate.metrics.open_sessions.hold()),
      began_(context.loop.now()),
      commands_(config().session.max_commands_before_login),
      turn_(context.loop, kMostCommandsInATurn) {}

Session::~Session() = default;

runtime::Task<void> Session::run() {
  const TimePoint deadline = after(config().session.greeting_timeout);
  if (!co_await enter(deadline)) co_return co_await dialog_.close(after(kGoodbyeTime));
  if (gate_.settings.tls == config::TlsMode::kImplicit && !co_await start_tls(deadline)) co_return;
  dialog_.say(replies::greeting(config().hostname));
  co_await converse();
  drop_transaction(relay::cause::kSessionEnded);
  if (dialog_.is_stuck()) note(metrics::Offence::kNotReading);
  co_await dialog_.close(after(kGoodbyeTime));
  if (context_.logger.enabled(log::Level::kDebug)) {
    context_.logger.write(
        log::Level::kDebug,
        std::move(context_.logger.line(log::Level::kDebug, "connection")
                      .field("client", client_ip_)
                      .field("listener", config::str(gate_.settings.address))
                      .field("user", login_ ? login_->identity.name() : std::string())
                      .field("messages", tally_.messages)
                      .field("errors", tally_.errors)),
        login_ ? log::Kind::kTransaction : log::Kind::kStranger);
  }
}

runtime::Task<void> Session::converse() {
  login_by_ = after(config().session.login_timeout);
  TimePoint deadline = deadline_after(config().session.greeting_timeout);
  while (open_) {
    if (turn_.is_spent()) co_await context_.loop.next_turn();
    if (draining_ && !transaction_) co_return end(replies::shutting_down(config().hostname));
    const auto next = dialog_.next_line();
    if (next.state == smtp::LineBuffer::State::kPartial) {
      waiting_for_command_ = true;
      const auto received = co_await dialog_.receive(deadline);
      waiting_for_command_ = false;
      if (!open_) co_return;  // `check_login` has said why
      if (!received) co_return end(received.error());
      if (!login_ && dialog_.is_at_line_start() && reject_foreign_protocol(dialog_.rest()))
        co_return;
      continue;
    }
    if (!transaction_ && is_too_old()) co_return end(replies::kTooOld);
    turn_.spend(1);
    std::string_view arguments;
    const Handler* handler = take(next, arguments);
    if (handler && handler->answer) (this->*handler->answer)(arguments);
    if (handler && handler->talk) co_await (this->*handler->talk)(arguments);
    if (open_ && tally_.errors >= config().session.max_errors) {
      disconnect(metrics::Offence::kTooManyErrors, replies::kTooManyErrors);
    }
    if (dialog_.unsent() > kMostUnsent) {
      const auto sent = co_await dialog_.flush(after(config().session.command_timeout));
      if (!sent) co_return;
    }
    deadline = deadline_after(config().session.command_timeout);
  }
}

const Session::Handler* Session::take(const smtp::LineBuffer::Next& next,
                                      std::string_view& arguments) {
  const bool is_line = next.state == smtp::LineBuffer::State::kLine;
  if (refused_data_.is_open() && (!is_line || refused_data_.takes(next.line))) {
    disconnect(metrics::Offence::kContent, replies::kContentBehindRefusedData);
    return nullptr;
  }
  if (!is_line) {
    const smtp::Verb verb = smtp::split_command(dialog_.beginning_of_dropped()).verb;
    refuse_line(verb, replies::for_fault(next.state));
    return nullptr;
  }
  if (!login_ && reject_foreign_protocol(next.line)) return nullptr;
  const smtp::CommandLine command = smtp::split_command(next.line);
  if (!afford(command.verb)) return nullptr;
  arguments = command.arguments;
  return admit(command, next.line.size());
}

bool Session::afford(smtp::Verb verb) {
  using enum smtp::Verb;
  if (verb == kQuit) return true;
  // What belongs to a message has limits of its own.
  if (login_ && (verb == kRcpt || verb == kData || verb == kBdat)) return true;
  if (commands_.spend(context_.loop.now())) return true;
  login_ ? disconnect(metrics::Offence::kIdleCommands, replies::kTooManyIdleCommands)
         : disconnect(metrics::Offence::kNoLogin, replies::kTooManyBeforeLogin);
  return false;
}

TimePoint Session::deadline_after(Duration patience) const {
  const TimePoint deadline = context_.loop.after(patience);
  return login_ ? deadline : std::min(deadline, login_by_);
}

const Session::Handler* Session::admit(const smtp::CommandLine& command, std::size_t size) {
  verb_ = command.verb;
  if (size + 2 > kMostCommandLine && command.verb != smtp::Verb::kAuth) {
    refuse_line(command.verb, replies::kLineTooLong);
    return nullptr;
  }
  // It is refused with all its octets, or not.
  if (command.verb == smtp::Verb::kBdat) return &Handler::of(command.verb);
  // Only now: who has an identity of its own may say so before.
  if (command.verb == smtp::Verb::kMail && !login_) log_in_by_network();
  if (!open_) return nullptr;  // there are too many connections of it
  if (const auto refusal = smtp::check(state(), command.verb)) {
    if (command.verb == smtp::Verb::kData) expect_content();
    refuse(*refusal);
    return nullptr;
  }
  return &Handler::of(command.verb);
}

void Session::refuse_line(smtp::Verb verb, replies::Wire reply) {
  verb_ = verb;
  if (verb == smtp::Verb::kRcpt && transaction_) {
    refuse_recipient(metrics::RecipientRefusal::kCommand, replies::text(reply));
  }
  refuse(reply);
  if (verb == smtp::Verb::kBdat) open_ = false;
}

smtp::SessionState Session::state() const {
  return {
      .greeted = hello_.said,
      .extended = hello_.extended,
      .tls = tls_ != nullptr,
      .offers_starttls = gate_.settings.tls == config::TlsMode::kStarttls,
      .requires_tls = gate_.settings.tls != config::TlsMode::kNone,
      .authenticated = login_ != nullptr,
      .has_reverse_path = transaction_ != nullptr,
      .binary =
          transaction_ && transaction_->envelope.parameters.body == smtp::BodyType::kBinarymime,
      .has_chunks = transaction_ && transaction_->content,
      .recipients = transaction_ ? transaction_->envelope.recipients.size() : 0,
  };
}

smtp::ExtensionSet Session::offered() const {
  using enum smtp::Extension;
  if (!hello_.extended) return {};  // RFC 5321 section 4.1.1.1: HELO gives none
  // Before TLS there is no mail, so what is about mail would mean nothing.
  const bool has_starttls = gate_.settings.tls == config::TlsMode::kStarttls;
  if (has_starttls && !tls_) {
    return enabled_ & smtp::ExtensionSet{kPipelining, kEnhancedStatusCodes, kStarttls};
  }
  smtp::ExtensionSet offered = enabled_;
  offered.erase(kStarttls);
  // RFC 8689 section 2: what came to us in clear was never kept from others.
  if (!tls_) offered.erase(kRequireTls);
  return offered;
}

smtp::Capabilities Session::capabilities() const {
  using enum smtp::Extension;
  const smtp::ExtensionSet offered = this->offered();
  smtp::Capabilities shown{
      .pipelining = offered.has(kPipelining),
      .eight_bit_mime = offered.has(k8bitmime),
      .enhanced_status_codes = offered.has(kEnhancedStatusCodes),
      .starttls = offered.has(kStarttls),
      .chunking = offered.has(kChunking),
      .binary_mime = offered.has(kBinarymime),
      .smtputf8 = offered.has(kSmtputf8),
      .dsn = offered.has(kDsn),
      .require_tls = offered.has(kRequireTls),
      .mt_priority = offered.has(kMtPriority),
      .has_size = offered.has(kSize),
      .size = config().message.max_size,
  };
  // RFC 4954 section 4: AUTH can be used once; only AUTH= of MAIL can be said after it.
  if (offered.has(kAuth) && !login_) shown.auth = mechanisms();
  if (offered.has(kLimits)) shown.limits = limits();
  return shown;
}

smtp::Limits Session::limits() const {
  std::uint64_t at_a_time = config().session.max_recipients;
  // The route is not known before MAIL: no upstream must get more than it takes.
  for (const config::Upstream& upstream : config().upstreams) {
    if (upstream.max_recipients != 0) {
      at_a_time = std::min<std::uint64_t>(at_a_time, upstream.max_recipients);
    }
  }
  std::uint64_t recipients = most_recipients(config().session, at_a_time);
  if (login_) {
    recipients = std::min(recipients, login_->limits->most_recipients().value_or(recipients));
  }
  return {.mail_max = config().session.max_messages, .rcpt_max = recipients};
}

bool Session::greet(std::string_view arguments, bool extended) {
  auto name = smtp::parse_ehlo(arguments);
  if (!name) {
    refuse(name.error());
    return false;
  }
  drop_transaction(relay::cause::kClientReset);  // RFC 5321 section 4.1.4
  hello_ = {.name = std::move(*name), .said = true, .extended = extended};
  return true;
}

void Session::ehlo(std::string_view arguments) {
  if (!greet(arguments, true)) return;
  dialog_.say(smtp::ehlo_reply(config().hostname, hello_.name, capabilities()));
}

void Session::helo(std::string_view arguments) {
  if (!greet(arguments, false)) return;
  dialog_.say(smtp::Reply(250, config().hostname));
}

void Session::noop(std::string_view) { dialog_.say(replies::kOk); }

void Session::vrfy(std::string_view) { dialog_.say(replies::kCannotVerify); }

void Session::expn(std::string_view) { decline(replies::kNoExpn); }

void Session::help(std::string_view) { dialog_.say(replies::kHelp); }

void Session::quit(std::string_view arguments) {
  if (const auto fine = smtp::parse_no_arguments(arguments); !fine) return refuse(fine.error());
  drop_transaction(relay::cause::kClientQuit);
  end(replies::kBye);
}

void Session::unknown(std::string_view) { refuse(replies::kUnknownCommand); }

void Session::say(const smtp::Reply& reply) {
  dialog_.say(reply,
              transaction_ ? replies::text_for(transaction_->envelope) : smtp::ReplyText::kAscii);
}

void Session::refuse(const smtp::Reply& reply) {
  ++tally_.errors;
  decline(reply);
}

void Session::refuse(replies::Wire reply) {
  ++tally_.errors;
  decline(reply);
}

void Session::decline(const smtp::Reply& reply) {
  say(reply);
  count_refusal(reply.code);
  log_refusal(reply.one_line());
}

void Session::decline(replies::Wire reply) {
  dialog_.say(reply);
  count_refusal(replies::code(reply));
  log_refusal(reply.substr(0, reply.find('\r')));
}

void Session::end(std::string_view wire) {
  dialog_.say(wire);
  open_ = false;
}

void Session::end(const Error& error) {
  if (error.code == ErrorCode::kTimeout) {
    const bool no_login = !login_ && commands_.was_used() && context_.loop.now() >= login_by_;
    if (no_login && !dialog_.is_stuck()) note(metrics::Offence::kNoLogin);
    dialog_.say(no_login ? replies::no_login(config().hostname)
                         : replies::timed_out(config().hostname));
  }
  if (error.code == ErrorCode::kCancelled) dialog_.say(replies::shutting_down(config().hostname));
  drop_transaction(error.code == ErrorCode::kTimeout     ? relay::cause::kClientTimeout
                   : error.code == ErrorCode::kCancelled ? relay::cause::kStopping
                                                         : relay::cause::kClientGone,
                   error.text);
  open_ = false;
}

void Session::check_login() {
  if (!login_ || transaction_ || !waiting_for_command_ || !open_) return;
  if (!renew_login()) dialog_.stream()->interrupt();
}

void Session::drain() {
  draining_ = true;
  if (hold_) hold_->set();
  if (waiting_for_command_ && !transaction_) dialog_.stream()->interrupt();
  // Inside a handshake nothing can be said, and nothing was accepted yet.
  if (handshaking_) handshaking_->abort();
}

void Session::hang_up() {
  drain();
  if (dialog_.stream()) dialog_.stream()->interrupt();
}

void Session::abort() {
  if (hold_) hold_->set();
  if (dialog_.stream()) dialog_.stream()->abort();
  if (handshaking_) handshaking_->abort();
}

}  // namespace sallyport::submission
