#include "proxy/relay/opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/net/tls.h"
#include "proxy/relay/login.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::relay {
namespace {

using runtime::Task;
using smtp::Reply;

template <class T = void>
using Step = std::expected<T, Attempt>;

// An address that was connected and then says nothing has so long, while another one is left.
constexpr Duration kMostPerAddress = std::chrono::seconds(8);
constexpr Duration kLeastPerAddress = std::chrono::seconds(2);

/// What a handshake agreed on, in words.
std::string described(const runtime::ByteStream& stream) {
  const auto* const secured = dynamic_cast<const net::TlsStream*>(&stream);
  if (secured == nullptr) return "encrypted";
  const net::TlsInfo& info = secured->info();
  return fmt::format("{} {}{}", info.version, info.cipher, info.resumed ? ", resumed" : "");
}

/// One opening: each step gives nothing, or the attempt that failed.
class Opening {
 public:
  Opening(runtime::Loop& loop, Dialer& dialer, Credential& credential,
          const config::Upstream& upstream, const std::string& hostname, TimePoint deadline,
          std::vector<Connection*>& under_way, trace::Story* story)
      : loop_(loop),
        dialer_(dialer),
        credential_(credential),
        upstream_(upstream),
        hostname_(hostname),
        deadline_(std::min(deadline, loop.after(upstream.connect_timeout))),
        step_deadline_(deadline_),
        under_way_(under_way),
        story_(story) {}
  ~Opening() { std::erase(under_way_, connection_.get()); }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  Task<Opened> run() {
    // Before anything is opened: a token may have to be fetched first.
    Secret secret;
    if (!upstream_.username.empty()) {
      auto current = co_await credential_.current(deadline_);
      if (!current) co_return no_secret(std::move(current.error()));
      secret = std::move(*current);
    }
    // RFC 5321 section 5.1: an address that can't be talked to is one of several.
    while (true) {
      const auto reached = co_await reach_next();
      if (reached) break;
      give_up_connection();
      const bool stopping = reached.error().error.code == ErrorCode::kCancelled;
      if (stopping || is_about_us(reached.error()) || !tried_.more || loop_.now() >= deadline_) {
        co_return std::unexpected(reached.error());
      }
    }
    step_deadline_ = deadline_;
    if (!upstream_.username.empty()) {
      auto known = co_await log_in(std::move(secret));
      if (!known) co_return std::unexpected(std::move(known.error()));
      connection_->authenticated = true;
    }
    std::erase(under_way_, connection_.get());
    co_return std::move(connection_);
  }

 private:
  /// From the next address to a connection that has answered EHLO, in TLS where that is asked for.
  Task<Step<>> reach_next() {
    step_deadline_ = deadline_;
    auto stream = co_await dialer_.connect_next(tried_, deadline_);
    if (!stream) co_return not_connected(std::move(stream.error()));
    note(Stage::kConnect, tried_.addresses.empty() ? "connected" : tried_.addresses.back().str());
    step_deadline_ = deadline_of_address();
    auto reached = co_await converse(std::move(*stream));
    const bool stopping = !reached && reached.error().error.code == ErrorCode::kCancelled;
    if (!stopping) dialer_.spoke(tried_, reached || is_about_us(reached.error()));
    co_return reached;
  }

  Task<Step<>> converse(std::unique_ptr<runtime::ByteStream> wire) {
    Result<std::unique_ptr<runtime::ByteStream>> stream = std::move(wire);
    if (tls() == config::TlsMode::kImplicit) {
      stream = co_await dialer_.secure(std::move(*stream), step_deadline_);
      if (!stream) co_return tls_failed(stream.error());
    }
    speak_on(std::move(*stream), tls() == config::TlsMode::kImplicit);

    if (const auto greeted = co_await greeting(); !greeted) {
      co_return std::unexpected(greeted.error());
    }
    if (const auto hailed = co_await ehlo(); !hailed) co_return std::unexpected(hailed.error());
    if (tls() != config::TlsMode::kStarttls) co_return {};
    if (const auto secured = co_await starttls(); !secured) {
      co_return std::unexpected(secured.error());
    }
    // RFC 3207 section 4.2: what was learned in clear is forgotten.
    co_return co_await ehlo();
  }

  /// How TLS begins on the port that is being talked to.
  config::TlsMode tls() const { return tried_.port ? tried_.port->tls : upstream_.tls; }
  std::uint16_t port() const { return tried_.port ? tried_.port->number : upstream_.port; }

  /// A throttle, a quota or a refused account holds at every address of the upstream.
  static bool is_about_us(const Attempt& attempt) {
    return attempt.reply && attempt.meaning != Meaning::kPlain;
  }

  TimePoint deadline_of_address() const {
    if (!tried_.more) return deadline_;
    const Duration half = (deadline_ - loop_.now()) / 2;
    return std::min(deadline_,
                    loop_.after(std::clamp<Duration>(half, kLeastPerAddress, kMostPerAddress)));
  }

  void give_up_connection() {
    if (!connection_) return;
    std::erase(under_way_, connection_.get());
    connection_->abort();
    connection_.reset();
  }

  /// `secured`: the stream came from the dialer's `secure`, which lets no other peer pass.
  void speak_on(std::unique_ptr<runtime::ByteStream> stream, bool secured) {
    if (secured) note(Stage::kTls, described(*stream));
    connection_ = std::make_unique<Connection>(loop_, std::move(stream));
    connection_->verified_tls = secured;
    under_way_.push_back(connection_.get());
  }

  static std::unexpected<Attempt> failed(Stage stage, Error error) {
    return std::unexpected(failure(stage, std::move(error)));
  }

  /// Without descriptors names are not found either, whatever the resolver makes of it.
  static std::unexpected<Attempt> not_connected(Error error) {
    const bool cancelled = error.code == ErrorCode::kCancelled;
    if (!cancelled && runtime::is_out_of_descriptors()) {
      error = {ErrorCode::kLimit, "this gateway has no file descriptor left: " + error.text};
    }
    return failed(Stage::kConnect, std::move(error));
  }

  /// Only a certificate that we don't accept says that the upstream is not the one that was meant.
  /// A reset, an alert or silence is a failed connection.
  std::unexpected<Attempt> tls_failed(Error error) const {
    Attempt attempt = failure(Stage::kTls, std::move(error));
    if (attempt.error.code == ErrorCode::kTls) attempt.end = End::kMisconfigured;
    if (attempt.error.code == ErrorCode::kInvalid) {
      attempt.error.code = ErrorCode::kProtocol;
      if (tls() == config::TlsMode::kImplicit) {
        attempt.error.text += fmt::format("; try tls = \"starttls\" for port {}", port());
      }
    }
    return std::unexpected(std::move(attempt));
  }

  /// A refusal while opening says nothing about the message: another upstream may take it, and so
  /// may this one later.
  std::unexpected<Attempt> refused(Stage stage, Reply reply) const {
    Attempt attempt = refusal(stage, std::move(reply), *upstream_.provider);
    if (attempt.end == End::kRefused) attempt.end = End::kDeferred;
    return std::unexpected(std::move(attempt));
  }

  void note(Stage stage, std::string_view words) {
    if (story_ != nullptr) story_->note(loop_.now(), name(stage), words);
  }

  Task<Step<Reply>> reply_at(Stage stage) {
    auto reply = co_await connection_->read_reply(step_deadline_);
    if (!reply) co_return failed(stage, reply.error());
    if (story_ != nullptr) note(stage, one_line(*reply));
    co_return std::move(*reply);
  }

  Task<Step<Reply>> ask(Stage stage, std::string_view command) {
    const auto said = co_await connection_->write(command, step_deadline_);
    auto reply = co_await reply_at(stage);  // who hangs up may have said why
    if (!said && !reply) co_return failed(stage, said.error());
    co_return reply;
  }

  Task<Step<>> greeting() {
    auto reply = co_await reply_at(Stage::kGreeting);
    if (!reply) co_return std::unexpected(no_greeting(std::move(reply.error())));
    if (reply->code != 220) co_return refused(Stage::kGreeting, std::move(*reply));
    co_return {};
  }

  /// A server that expects TLS from the first octet waits for it in silence, gives up, or sends an
  /// alert, which is no reply.
  Attempt no_greeting(Attempt attempt) const {
    const ErrorCode code = attempt.error.code;
    const bool may_want_tls =
        tls() != config::TlsMode::kImplicit &&
        (code == ErrorCode::kTimeout || code == ErrorCode::kClosed || code == ErrorCode::kProtocol);
    if (!may_want_tls) return attempt;
    if (code == ErrorCode::kTimeout) attempt.error.text = "the upstream sent no greeting";
    attempt.error.text +=
        fmt::format("; if port {} expects TLS at once, try tls = \"implicit\"", port());
    return attempt;
  }

  Task<Step<>> ehlo() {
    const std::string hello = fmt::format("EHLO {}\r\n", hostname_);
    auto reply = co_await ask(Stage::kEhlo, hello);
    if (!reply) co_return std::unexpected(reply.error());
    // RFC 5321 section 3.2: HELO is for a server that does not know EHLO, and has no extensions.
    const bool needs_extensions =
        !upstream_.username.empty() || tls() == config::TlsMode::kStarttls;
    if (reply->is_permanent() && !needs_extensions) {
      const std::string plain = fmt::format("HELO {}\r\n", hostname_);
      reply = co_await ask(Stage::kEhlo, plain);
      if (!reply) co_return std::unexpected(reply.error());
      if (reply->code == 250) reply->lines.resize(1);
    }
    if (reply->code != 250) co_return refused(Stage::kEhlo, std::move(*reply));
    connection_->capabilities = smtp::parse_capabilities(*reply);
    co_return {};
  }

  Task<Step<>> starttls() {
    if (!connection_->capabilities.starttls) {
      co_return failed(Stage::kTls, {ErrorCode::kTls, "the upstream does not offer STARTTLS"});
    }
    auto reply = co_await ask(Stage::kTls, "STARTTLS\r\n");
    if (!reply) co_return std::unexpected(reply.error());
    if (reply->code != 220) co_return refused(Stage::kTls, std::move(*reply));
    std::erase(under_way_, connection_.get());
    auto plain = connection_->release_stream();
    if (!plain) co_return failed(Stage::kTls, plain.error());
    connection_.reset();  // without its stream it can't even be aborted
    auto secured = co_await dialer_.secure(std::move(*plain), step_deadline_);
    if (!secured) co_return tls_failed(secured.error());
    speak_on(std::move(*secured), true);
    co_return {};
  }

  /// A login that is refused may be with a password or token that was replaced meanwhile: then once
  /// more with the new one.
  Task<Step<>> log_in(Secret secret) {
    auto done = co_await try_login(secret);
    const bool refused =
        !done && done.error().reply && done.error().meaning == Meaning::kCredentials;
    if (!refused) co_return done;
    auto other = co_await credential_.after_refusal(std::move(secret), step_deadline_);
    if (!other) co_return done;
    auto again = co_await try_login(*other);
    const bool hung_up = !again && !again.error().reply && is_hang_up(again.error().error);
    if (!hung_up) co_return again;
    // It takes one login a connection.
    give_up_connection();
    tried_ = {};
    if (auto reached = co_await reach_next(); !reached) co_return reached;
    step_deadline_ = deadline_;
    co_return co_await try_login(*other);
  }

  Task<Step<>> try_login(const Secret& secret) {
    auto reply = co_await relay::log_in(loop_, *connection_, upstream_, secret, step_deadline_);
    if (!reply) {
      const Attempt& attempt = reply.error();
      if (story_ != nullptr && attempt.reply) note(Stage::kAuth, one_line(*attempt.reply));
      co_return std::unexpected(std::move(reply.error()));
    }
    if (story_ != nullptr) note(Stage::kAuth, one_line(*reply));
    co_return {};
  }

  /// Whoever gives tokens refuses our credential (kInvalid), which the operator must mend; or it
  /// gives none now.
  static std::unexpected<Attempt> no_secret(Error error) {
    const bool refused = error.code == ErrorCode::kInvalid;
    Attempt attempt = failure(Stage::kAuth, std::move(error));
    if (refused) {
      attempt.end = End::kMisconfigured;
      attempt.meaning = Meaning::kCredentials;
    }
    return std::unexpected(std::move(attempt));
  }

  runtime::Loop& loop_;
  Dialer& dialer_;
  Credential& credential_;
  const config::Upstream& upstream_;
  const std::string& hostname_;
  const TimePoint deadline_;
  TimePoint step_deadline_;  // of the address that is being talked to, or deadline_
  Tried tried_;
  std::vector<Connection*>& under_way_;
  trace::Story* const story_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace

Task<Opened> open_connection(runtime::Loop& loop, Dialer& dialer, Credential& credential,
                             const config::Upstream& upstream, const std::string& hostname,
                             TimePoint deadline, std::vector<Connection*>& under_way,
                             trace::Story* story) {
  Opening opening(loop, dialer, credential, upstream, hostname, deadline, under_way, story);
  co_return co_await opening.run();
}

}  // namespace sallyport::relay
