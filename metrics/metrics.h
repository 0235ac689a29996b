// What sallyport counts, and its exposition to Prometheus. docs/metrics.md describes every family
// to the people who watch them. The sole user of prometheus-cpp; none of its types leave this room.
//
// Who counts asks for a handle once (`for_user` at AUTH, `for_upstream` when a pool is made) and
// keeps it: from then on counting is one relaxed atomic addition, with no look-up, lock or string.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "metrics/cells.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"

namespace sallyport::metrics {

/// TLS version of an accepted connection, once its handshake is done.
enum class TlsVersion : std::uint8_t { k12, k13 };
inline constexpr std::array<std::string_view, 2> kTlsVersionNames = {"1.2", "1.3"};

/// Why a connection was turned away before it was a session, or at AUTH (`kUser`).
enum class Refusal : std::uint8_t {
  kProcess,        ///< `session.max_connections` are open.
  kNetwork,        ///< `session.max_connections_per_network` of its network are.
  kUser,           ///< `limits.connections` of its user are.
  kProxyProtocol,  ///< No good PROXY header, or from where none is trusted.
  kDescriptors,    ///< The process has no file descriptor left.
};
inline constexpr std::array<std::string_view, 5> kRefusalNames = {"process", "network", "user",
                                                                  "proxy_protocol", "descriptors"};

/// Why we broke a session off: for what its client did, or because its login no longer holds.
enum class Offence : std::uint8_t {
  kEarlyTalker,      ///< It spoke before our greeting.
  kHttp,             ///< It spoke HTTP.
  kTls,              ///< It began TLS where the connection is in clear.
  kProxyHeader,      ///< It sent a PROXY header where none is due.
  kInjection,        ///< It sent commands behind STARTTLS.
  kTooManyErrors,    ///< `session.max_errors`.
  kTooManyFailures,  ///< `session.max_auth_failures`.
  kTooSlow,          ///< It sent content more slowly than `session.min_data_rate`.
  kRevoked,          ///< Its user was removed, or has another password since it logged in.
  kNoLogin,          ///< `session.login_timeout` or `session.max_commands_before_login`.
  kIdleCommands,     ///< `session.max_idle_commands`.
  kNotReading,       ///< It did not take our replies.
  kContent,          ///< It sent content behind a DATA that was refused.
};
inline constexpr std::array<std::string_view, 13> kOffenceNames = {
    "early_talker",  "http",          "tls",      "proxy_header", "injection",
    "many_errors",   "auth_failures", "too_slow", "revoked",      "no_login",
    "idle_commands", "not_reading",   "content"};

/// How an AUTH exchange ended: 235, 535, 454, given up (`*`) or not understood (501), or 421 for
/// earlier failures.
enum class AuthResult : std::uint8_t { kAccepted, kRejected, kUnavailable, kAborted, kBarred };
inline constexpr std::array<std::string_view, 5> kAuthResultNames = {
    "accepted", "rejected", "unavailable", "aborted", "barred"};

/// Of what too many logins were wrong.
enum class AuthBar : std::uint8_t { kNetwork, kAccount };
inline constexpr std::array<std::string_view, 2> kAuthBarNames = {"network", "account"};

/// How a question to a source of identities ended.
enum class SourceAnswer : std::uint8_t {
  kAccepted,
  kRejected,
  kUnavailable,
  kCached,  ///< It was not asked: it had accepted the same a short while ago.
  kGrace,   ///< It is away, and had accepted the same within its grace.
};
inline constexpr std::array<std::string_view, 5> kSourceAnswerNames = {
    "accepted", "rejected", "unavailable", "cached", "grace"};

/// What the client heard after the end of its message: 250, 5xx or 4xx.
enum class Outcome : std::uint8_t { kAccepted, kRejected, kDeferred };
inline constexpr std::array<std::string_view, 3> kOutcomeNames = {"accepted", "rejected",
                                                                  "deferred"};

/// A limit of a user that refused a command.
enum class Limit : std::uint8_t { kMessages, kRecipients, kBytes, kConnections };
inline constexpr std::array<std::string_view, 4> kLimitNames = {"messages", "recipients", "bytes",
                                                                "connections"};

/// Why a recipient was refused.
enum class RecipientRefusal : std::uint8_t {
  kOverflow,  ///< By us: it is one more than fit in one mail transaction.
  kCommand,   ///< By us: its RCPT is malformed, too long, or has a parameter that is not offered.
  kUpstream,  ///< By the upstream that was asked last.
  kLimit,     ///< By us: a `[[limit]]` has no room for it.
};
inline constexpr std::array<std::string_view, 4> kRecipientRefusalNames = {"overflow", "command",
                                                                           "upstream", "limit"};

/// How one attempt at one upstream ended.
enum class UpstreamOutcome : std::uint8_t {
  kAccepted,  ///< It said 250.
  kRejected,  ///< It said 5xx.
  kDeferred,  ///< It said 4xx.
  kFailed,    ///< No connection, or it was lost before the message was handed over.
  kUnknown,   ///< The content was sent to its end and no reply came.
  kUnsuited,  ///< It can't take the message by what its EHLO offers, and heard nothing of it.
};
inline constexpr std::array<std::string_view, 6> kUpstreamOutcomeNames = {
    "accepted", "rejected", "deferred", "failed", "unknown", "unsuited"};

/// How a fetch of an access token ended.
enum class TokenResult : std::uint8_t { kSuccess, kFailure };
inline constexpr std::array<std::string_view, 2> kTokenResultNames = {"success", "failure"};

/// Why a connection to an upstream was closed.
enum class CloseReason : std::uint8_t {
  kIdle,      ///< Unused for longer than `idle_timeout`.
  kAge,       ///< Older than `max_connection_age`.
  kMessages,  ///< It carried `max_messages_per_connection`.
  kPeer,      ///< The upstream closed it or said 421.
  kError,     ///< It failed, or its state was no longer sure.
  kShutdown,  ///< We drain, or a reload replaced the upstream.
  kMoved,     ///< Another worker opens one in its place.
};
inline constexpr std::array<std::string_view, 7> kCloseReasonNames = {
    "idle", "age", "messages", "peer", "error", "shutdown", "moved"};

/// Why a connection to an upstream was not made. AUTH refused has a counter of its own.
enum class ConnectFailure : std::uint8_t { kNetwork, kTimeout, kTls, kProtocol };
inline constexpr std::array<std::string_view, 4> kConnectFailureNames = {"network", "timeout",
                                                                         "tls", "protocol"};

/// Why an upstream is left alone for a while, in the order of relay::Health::Trouble.
enum class Trouble : std::uint8_t { kNetwork, kThrottled, kQuota, kTls, kLogin, kAccount };
inline constexpr std::array<std::string_view, 6> kTroubleNames = {
    "network", "throttled", "quota", "tls", "login", "account"};

/// Why a message was refused whatever its sender and recipients.
enum class Unfit : std::uint8_t {
  kLineEnds,    ///< A bare CR or LF.
  kNul,         ///< A NUL.
  kLoop,        ///< It came through too many servers.
  kHeaderSize,  ///< Its header section is larger than `message.max_header_size`.
  kHeaderForm,  ///< A line that is no header field stands among its fields, or From is repeated.
};
inline constexpr std::array<std::string_view, 5> kUnfitNames = {"line_ends", "nul", "loop",
                                                                "header_size", "header_form"};

/// SMTP verbs as labels, in the order of smtp::Verb.
inline constexpr std::array<std::string_view, 15> kVerbNames = {
    "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA",   "BDAT",
    "RSET", "NOOP", "VRFY",     "EXPN", "HELP", "QUIT", "UNKNOWN"};

/// Commands that a session refused, by verb and reply code. Both labels have a fixed set of values.
class RefusedCommands {
 public:
  /// The codes with a label of their own; any other one counts as "other".
  static constexpr std::array<int, 18> kCodes = {421, 450, 451, 452, 454, 500, 501, 502, 503,
                                                 504, 530, 535, 538, 550, 552, 553, 554, 555};

  /// Counts a refusal. `verb` is an index into kVerbNames.
  void add(std::size_t verb, int code) { cells_[verb * kColumns + column(code)].add(); }
  /// `column` may be kCodes.size(): the other codes.
  std::uint64_t value(std::size_t verb, std::size_t column) const {
    return cells_[verb * kColumns + column].value();
  }

 private:
  static constexpr std::size_t kColumns = kCodes.size() + 1;
  static std::size_t column(int code) {
    return static_cast<std::size_t>(std::ranges::find(kCodes, code) - kCodes.begin());
  }

  std::array<Counter, kVerbNames.size() * kColumns> cells_;
};

/// What became of a message that a `[[limit]]` has no room for.
enum class Exceeded : std::uint8_t { kRefused, kObserved };
inline constexpr std::array<std::string_view, 2> kExceededNames = {"refused", "observed"};

enum class PoolState : std::uint8_t { kIdle, kBusy };
inline constexpr std::array<std::string_view, 2> kPoolStateNames = {"idle", "busy"};

enum class ReloadResult : std::uint8_t { kSuccess, kFailure };
inline constexpr std::array<std::string_view, 2> kReloadResultNames = {"success", "failure"};

/// Of one listener.
struct alignas(64) ListenerMetrics {
  Counter connections;                                  ///< Accepted from the kernel.
  ByLabel<Refusal, kRefusalNames> connections_refused;  ///< Of these, turned away at once.
  ByLabel<Offence, kOffenceNames> offences;
  Gauge open_sessions;  ///< Take `open_sessions.hold()` for the life of a session.
  Counter handshakes_failed;
  ByLabel<TlsVersion, kTlsVersionNames> full_handshakes;
  ByLabel<TlsVersion, kTlsVersionNames> resumed_handshakes;
  RefusedCommands refused_commands;

  void handshake(TlsVersion version, bool resumed) {
    (resumed ? resumed_handshakes : full_handshakes)[version].add();
  }
};

/// Of one SASL mechanism.
struct alignas(64) AuthMetrics {
  ByLabel<AuthResult, kAuthResultNames> results;
};

/// Of one [[auth.source]].
struct alignas(64) SourceMetrics {
  ByLabel<SourceAnswer, kSourceAnswerNames> answers;
  Gauge away;  ///< 1: it could not answer when it was last asked.
};

/// Of one authenticated user.
struct alignas(64) UserMetrics {
  ByLabel<Outcome, kOutcomeNames> messages;
  ByLabel<Outcome, kOutcomeNames> bytes;
  ByLabel<Outcome, kOutcomeNames> recipients;
  ByLabel<Limit, kLimitNames> limit_refusals;
  ByLabel<RecipientRefusal, kRecipientRefusalNames> recipients_refused;

  /// Counts a message whose end was reached and answered.
  void message(Outcome outcome, std::uint64_t octets, std::uint64_t recipient_count) {
    messages[outcome].add();
    bytes[outcome].add(octets);
    recipients[outcome].add(recipient_count);
  }
};

/// Of one `[[limit]]`.
struct alignas(64) LimitMetrics {
  ByLabel<Exceeded, kExceededNames> exceeded;
};

/// Of one upstream.
struct alignas(64) UpstreamMetrics {
  ByLabel<UpstreamOutcome, kUpstreamOutcomeNames> messages;
  ByLabel<UpstreamOutcome, kUpstreamOutcomeNames> bytes;
  ByLabel<UpstreamOutcome, kUpstreamOutcomeNames> recipients;
  Counter connections_opened;  ///< Ready for mail: TLS, EHLO and AUTH done.
  Counter connections_reused;  ///< Leases served by a warm connection.
  ByLabel<CloseReason, kCloseReasonNames> connections_closed;
  ByLabel<ConnectFailure, kConnectFailureNames> connect_failures;
  Counter look_up_failures;                        ///< Of its host's name.
  ByLabel<TokenResult, kTokenResultNames> tokens;  ///< Fetches of access tokens.
  Counter auth_failures;                           ///< Our login was refused, at whatever stage.
  Counter account_failures;  ///< The account may not send, or not as this sender.
  ByLabel<PoolState, kPoolStateNames, Gauge> pool;  ///< Connections, over all workers.
  Gauge waiting;  ///< Deliveries that wait for a connection, or a turn of the upstream's pace.
  ByLabel<Trouble, kTroubleNames, Gauge> troubles;  ///< 1: in force.
  Gauge pace;     ///< Messages or recipients a minute that may go now; 0: no limit.
  Gauge today;    ///< Messages or recipients that went within 24 hours, where there is a limit.
  Gauge allowed;  ///< Connections that may be open now: `max_connections`, or less for a while.
  Histogram transaction;  ///< From the first octet of MAIL to the reply to the final dot.
  Histogram delivery;  ///< From the client's end of DATA to our reply, by the upstream tried last.

  /// Counts one attempt to hand a message over.
  void message(UpstreamOutcome outcome, std::uint64_t octets, std::uint64_t recipient_count) {
    messages[outcome].add();
    bytes[outcome].add(octets);
    recipients[outcome].add(recipient_count);
  }
};

/// Of the process.
struct ProcessMetrics {
  ByLabel<ReloadResult, kReloadResultNames> config_reloads;
  Gauge config_loaded;          ///< When the config in force was read. Set it at start, too.
  Gauge certificate_expires;    ///< When the first certificate shown to clients ends. Unset: not
                                ///< exposed.
  Gauge certificates_failed;    ///< Files of [tls] that were to be used and could not be.
  Gauge content_limit;          ///< `message.budget`, in octets.
  Counter content_refusals;     ///< Messages answered 452 4.3.1 because the budget was used up.
  Counter auth_queue_refusals;  ///< Logins answered 454 4.7.0 because too many were waiting.
  ByLabel<AuthBar, kAuthBarNames> auth_bars;   ///< Begun: `[auth.brute_force]`.
  ByLabel<Unfit, kUnfitNames> unfit_messages;  ///< Refused after their end, with 5xx.
};

/// Owns every number. Thread-safe; handles are valid for as long as the Registry lives, and stay
/// the same for the same name.
class Registry {
 public:
  struct Options {
    std::string version{};          ///< For `sallyport_build_info`.
    WallTime started{};             ///< When this process began.
    std::size_t most_users = 1000;  ///< See `set_most_users`.
    /// Read at each exposition, on its thread; unset: 0. They must outlive the Registry.
    std::function<std::uint64_t()> content_octets{};
    std::function<log::CountByKind()> log_lines_dropped{};
  };

  explicit Registry(Options options);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// `name` is the address as configured, such as "[::]:465".
  ListenerMetrics& for_listener(std::string_view name);
  /// Distinct `user` label values from now on: newcomers past it share "other". Whoever has one
  /// keeps it.
  void set_most_users(std::size_t most);
  /// For an authenticated user only: what a stranger says must never become a label.
  UserMetrics& for_user(std::string_view name);
  UpstreamMetrics& for_upstream(std::string_view name);
  /// `name` is that of a `[[limit]]`.
  LimitMetrics& for_limit(std::string_view name);
  /// In any case; what is not a mechanism we know counts as "other".
  AuthMetrics& for_mechanism(std::string_view mechanism);
  /// By the name in the configuration.
  SourceMetrics& for_auth_source(std::string_view name);
  ProcessMetrics& process();

  /// Everything in the text format of Prometheus, version 0.0.4. Takes milliseconds when there are
  /// a thousand users: call it on the thread pool, not on a loop. Never holds up who counts.
  std::string expose() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sallyport::metrics
