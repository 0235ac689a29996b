// The server's side of one client's connection, from greeting to goodbye. One coroutine reads
// commands and answers them; session.cc has the loop, and each phase of the conversation a file:
// starttls.cc, authenticate.cc, transaction.cc, content.cc, chunks.cc. What may be said when is not
// decided here but in smtp::check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/ip_address.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/turn_budget.h"
#include "proxy/smtp/capabilities.h"
#include "proxy/smtp/command.h"
#include "proxy/smtp/order.h"
#include "proxy/submission/command_budget.h"
#include "proxy/submission/content.h"
#include "proxy/submission/context.h"
#include "proxy/submission/dialog.h"
#include "proxy/submission/pace.h"
#include "proxy/submission/refused_data.h"
#include "proxy/submission/replies.h"
#include "proxy/submission/transaction.h"

namespace sallyport::submission {

/// Where a client connected.
struct Gate {
  const config::Listener& settings;  ///< In the snapshot's config.
  metrics::ListenerMetrics& metrics;
};

/// One connection. Holds nothing but its state while the client is silent.
class Session {
 public:
  /// `context` and what `gate` names outlive it. `client_ip`: of the socket; where PROXY headers
  /// are due the session reads one, and counts the client's network itself.
  Session(Context& context, SessionSnapshot snapshot, Gate gate,
          std::unique_ptr<runtime::Transport> stream, std::string client_ip,
          NetworkCount::Slot network = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// The whole conversation. Returns when it has ended; the connection is closed when this dies.
  runtime::Task<void> run();

  /// The users were replaced. If the login does not hold any more and the client has no transaction
  /// open, this ends the session with 421 4.7.0; otherwise the next MAIL does.
  void check_login();
  /// We shut down: says `421 4.3.2` and ends, after the mail transaction if one is open. A TLS
  /// handshake under way is broken off.
  void drain();
  /// The same without regard to a mail transaction; one that is being delivered is still answered.
  void hang_up();
  /// Ends the connection at once. A delivery under way goes on until the Deliverer ends it.
  void abort();

 private:
  struct Handler;
  /// Who authenticated, and what is kept for them while they are connected.
  struct Login {
    auth::Identity identity;
    std::shared_ptr<policy::UserLimits> limits;
    policy::ConnectionSlot connection;
    metrics::UserMetrics& metrics;
    std::string mechanism;  ///< The SASL mechanism that was used; empty: none was needed.
    TimePoint since;
  };

  /// What the last EHLO or HELO said; nothing of it outlives STARTTLS.
  struct Hello {
    std::string name{};
    bool said = false;
    bool extended = false;  ///< By EHLO.
  };
  /// What is counted against the client, or for the log.
  struct Tally {
    std::uint32_t errors = 0;  ///< Commands refused since the last delivered message.
    std::uint32_t auth_failures = 0;
    std::uint32_t messages = 0;      ///< Delivered.
    std::uint32_t transactions = 0;  ///< MAIL commands.
  };

  // session.cc: the loop, and what needs no phase of its own.
  runtime::Task<void> converse();
  /// What answers the next line, with the arguments it is given; null when the line was refused.
  const Handler* take(const smtp::LineBuffer::Next& next, std::string_view& arguments);
  /// Counts a command that brings no mail. False: there were too many, and the session ends.
  bool afford(smtp::Verb verb);
  /// Until when the client may be silent: `patience` from now, and no longer than it has to log in.
  TimePoint deadline_after(Duration patience) const;
  /// What answers this command; null when it was refused.
  const Handler* admit(const smtp::CommandLine& command, std::size_t size);
  /// Refuses a line whose arguments are not looked at. What follows a BDAT is not known to be
  /// commands: the session ends.
  void refuse_line(smtp::Verb verb, replies::Wire reply);
  void ehlo(std::string_view arguments);
  void helo(std::string_view arguments);
  void noop(std::string_view arguments);
  void vrfy(std::string_view arguments);
  void expn(std::string_view arguments);
  void help(std::string_view arguments);
  void quit(std::string_view arguments);
  void unknown(std::string_view arguments);
  bool greet(std::string_view arguments, bool extended);
  /// Says a reply that may quote what others wrote.
  void say(const smtp::Reply& reply);
  /// A reply to a command that should not have been sent: it counts as an error.
  void refuse(const smtp::Reply& reply);
  void refuse(replies::Wire reply);
  /// A refusal that is no error of the client, such as a limit: counted and logged.
  void decline(const smtp::Reply& reply);
  void decline(replies::Wire reply);
  /// Says a last reply; the loop ends.
  void end(std::string_view wire);
  /// The client can't be heard any more: says why, if somebody may still listen.
  void end(const Error& error);
  smtp::SessionState state() const;
  /// The extensions that the client may use at this moment; EHLO shows them.
  smtp::ExtensionSet offered() const;
  smtp::Capabilities capabilities() const;
  /// What LIMITS says (RFC 9422): no transaction that keeps to it is cut short by a count of ours.
  smtp::Limits limits() const;

  // entrance.cc: before the first word. False: there will be none but what is to be sent.
  runtime::Task<bool> enter(TimePoint deadline);
  runtime::Task<bool> introduce(TimePoint deadline);
  runtime::Task<bool> lets_us_greet();
  runtime::Task<Result<std::string_view>> first_octets(TimePoint deadline);

  // disconnect.cc
  /// Counts that the command under way is refused with this code. A line in the log elsewhere says
  /// so, or `log_refusal`.
  void count_refusal(int code);
  void log_refusal(std::string_view reply);
  /// The client, as log lines name it. Views members.
  RefusalLog::Client log_client() const;
  /// Counts and logs a connection that never becomes a session.
  void record_refused_connection(metrics::Refusal reason, std::string_view detail = {});
  /// Ends the session for what the client did: counted, logged, and said in `reply`.
  void disconnect(metrics::Offence reason, replies::Wire reply);
  void note(metrics::Offence reason);
  /// Breaks off if `octets`, which stand where a command begins, are of another protocol.
  bool reject_foreign_protocol(std::string_view octets);
  /// DATA was refused: what its client sends next may be the content all the same.
  void expect_content();
  /// What ended the wait for content; who was too slow is noted.
  Error give_up(const Pace& pace, const Error& error);

  // starttls.cc
  runtime::Task<void> starttls(std::string_view arguments);
  runtime::Task<bool> start_tls(TimePoint deadline);

  // authenticate.cc
  runtime::Task<void> authenticate(std::string_view arguments);
  /// The lines from AUTH to credentials; nullopt when they ended in a reply instead.
  /// A proof to judge, or that the mechanism itself has found it wrong.
  using ExchangeEnd = std::variant<auth::Proof, auth::Rejected>;
  runtime::Task<std::optional<ExchangeEnd>> run_exchange(auth::SaslExchange& exchange,
                                                         std::optional<std::string> initial);
  runtime::Task<std::optional<std::string>> read_response();
  runtime::Task<auth::Verdict> judge(ExchangeEnd end, std::string mechanism);
  /// False: the user has too many connections, and the session ends.
  bool log_in(auth::Identity identity, std::string mechanism);
  /// Who needs no AUTH where the client is, if anybody, is logged in.
  void log_in_by_network();
  /// The SASL mechanisms that can be used here and now.
  std::vector<std::string> mechanisms() const;
  runtime::Task<void> reject(const auth::Rejected& rejected, const std::string& mechanism,
                             const auth::SaslExchange& exchange);
  /// Too many logins were wrong: from now on they are barred for a while.
  void note_bar(auth::BarredBy by, std::string_view name);
  /// Waits before a refusal is said. A shutdown does not wait for it.
  runtime::Task<void> hold_back(Duration delay);
  /// Says `reply`, and breaks off after the last failure that a session may have.
  void fail_login(std::string_view reply, int code);
  void count_failed_login();
  /// Makes the login's rights those in force. False: it holds no more, and the session has ended.
  bool renew_login();

  // transaction.cc
  void mail(std::string_view arguments);
  void rcpt(std::string_view arguments);
  void rset(std::string_view arguments);
  /// Counts a recipient that we refuse with `reply`.
  void refuse_recipient(metrics::RecipientRefusal reason, std::string_view reply);
  /// Why the transaction is refused as a whole: some of its recipients were.
  std::optional<smtp::Reply> partial_refusal() const;
  /// Ends the transaction by `refusal` before any content was taken.
  void conclude_early(smtp::Reply refusal);
  /// Why MAIL is refused; nullopt: it is not.
  std::optional<relay::Delivery> check_sender(const smtp::MailCommand& command);
  /// RFC 1870: room for the size that MAIL declared, or why there is none.
  std::optional<relay::Delivery> reserve();
  smtp::Reply over_limit(const policy::LimitExceeded& refusal);
  /// Drops the transaction, if one is open, and logs why: a word of relay/cause.h, and text.
  void drop_transaction(std::string_view cause, std::string_view error = {});
  /// Our own refusal in the form of the relay's, so that both are reported in the same way.
  /// `cause`: a word of relay/cause.h.
  static relay::Delivery refused(smtp::Reply reply, std::string_view cause);
  /// Logs the end of the transaction: what came of it, or why it was given up.
  void record(const message::Envelope& envelope, std::uint64_t size,
              const std::optional<relay::Delivery>& delivery, std::string_view cause = {},
              std::string_view error = {});

  /// Begins the story of the transaction, if messages are traced.
  void begin_story();
  /// Notes a step of the transaction, if it is traced.
  void note_step(std::string_view step, std::string_view words);

  // content.cc
  runtime::Task<void> data(std::string_view arguments);
  /// Takes octets until the content or chunk is finished. An error: the client can't be heard.
  runtime::Task<Result<void>> receive(Content& content);
  runtime::Task<void> settle(Content& content);
  /// Weighs and relays what was received whole, and answers.
  runtime::Task<void> submit(Content& content);
  /// Why the message is refused; nullopt: it is not.
  std::optional<relay::Delivery> check_content(const Content& content);
  message::Message assemble(Content& content);
  /// Who hands messages in, for the relay. Holds until the login is renewed.
  relay::Caller caller() const;
  /// Keeps of the receipt what an upstream has, or may have; the rest goes back with it.
  void charge_for(const relay::Delivery& delivery, std::uint64_t recipients, std::uint64_t size);
  runtime::Task<void> conclude(const message::Envelope& envelope, std::uint64_t size,
                               relay::Delivery delivery);

  // metering.cc
  /// Do any `[[limit]]` tables hold here?
  bool is_metered() const { return context_.ledger != nullptr && !config().limit_rules.empty(); }
  /// What of the transaction decides its `[[limit]]` counts, but for its recipients and size.
  policy::Facts facts() const;
  /// Why MAIL of a message of so many octets is refused early; nullopt: it is not.
  std::optional<smtp::Reply> peek_at_mail(const smtp::ReversePath& reverse_path,
                                          std::uint64_t octets);
  /// Why one more recipient is refused; nullopt: it is not.
  std::optional<smtp::Reply> peek_at_recipient(std::string_view domain);
  /// Reserves what the message takes of `[[limit]]`, or says why it is refused.
  std::optional<smtp::Reply> charge_limits(std::uint64_t octets);
  void count_exceeded(const policy::Exceeded& exceeded, metrics::Exceeded as);

  // chunks.cc
  runtime::Task<void> bdat(std::string_view arguments);
  /// Reads a refused chunk to its end. False: the client can't be heard any more.
  runtime::Task<bool> discard(smtp::BdatCommand command);

  const config::Config& config() const { return *snapshot_.config; }
  /// Where the client is; a proxy before us may have said so.
  IpAddress client_address() const { return IpAddress::parse(client_ip_).value_or(IpAddress()); }
  TimePoint after(Duration span) { return context_.loop.after(span); }
  /// Has it lasted for as long as it may?
  bool is_too_old() { return context_.loop.now() - began_ >= config().session.max_age; }

  Context& context_;
  const SessionSnapshot snapshot_;
  const Gate gate_;
  const smtp::ExtensionSet enabled_;  // on this listener
  std::string client_ip_;
  NetworkCount::Slot network_;
  runtime::Transport* const transport_;  // of the dialog, until TLS takes it
  Dialog dialog_;
  runtime::ByteStream* handshaking_ = nullptr;  // while the TLS handshake owns the stream
  const net::TlsInfo* tls_ = nullptr;           // of the dialog's stream, once it is TLS
  const net::TlsStream* tls_stream_ = nullptr;  // the same
  metrics::Gauge::Hold open_session_;
  const TimePoint began_;

  Hello hello_;
  std::unique_ptr<Login> login_;  // once authenticated
  std::unique_ptr<Transaction> transaction_;
  smtp::Verb verb_ = smtp::Verb::kUnknown;  // of the command under way
  CommandBudget commands_;
  runtime::TurnBudget turn_;     // commands answered without waiting
  TimePoint login_by_ = kNever;  // without a login the session ends then
  Tally tally_;
  RefusedData refused_data_;
  runtime::Event* hold_ = nullptr;  // while a refusal is held back
  bool open_ = true;
  bool draining_ = false;
  bool waiting_for_command_ = false;
};

}  // namespace sallyport::submission
