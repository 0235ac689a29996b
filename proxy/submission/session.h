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
#include "proxy/smtp/capabilities.h"
#include "proxy/smtp/command.h"
#include "proxy/smtp/order.h"
#include "proxy/submission/content.h"
#include "proxy/submission/context.h"
#include "proxy/submission/dialog.h"
#include "proxy/submission/pace.h"
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
  Session(Context& context, Snapshot snapshot, Gate gate,
          std::unique_ptr<runtime::Transport> stream, std::string client_ip,
          NetworkCount::Slot network = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// The whole conversation. Returns when it has ended; the connection is closed when this dies.
  runtime::Task<void> run();

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
    std::shared_ptr<const config::User> user;
    std::shared_ptr<policy::UserLimits> limits;
    policy::ConnectionSlot connection;
    metrics::UserMetrics& metrics;
  };

  // session.cc: the loop, and what needs no phase of its own.
  runtime::Task<void> converse();
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
  /// A reply to a command that should not have been sent: it counts as an error.
  void refuse(const smtp::Reply& reply);
  void refuse(replies::Wire reply);
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

  // break_off.cc
  /// Counts and logs a connection that never becomes a session.
  void turn_away(metrics::Refusal reason, std::string_view detail = {});
  /// Ends the session for what the client did: counted, logged, and said in `reply`.
  void break_off(metrics::Offence reason, replies::Wire reply);
  void note(metrics::Offence reason);
  /// Breaks off if `octets`, which stand where a command begins, are of another protocol.
  bool repel(std::string_view octets);
  /// DATA was refused: what its client sends next may be the content all the same.
  void expect_content();
  /// Is `line`, which was taken after that, content and no command?
  bool is_content(std::string_view line);
  /// What ended the wait for content; who was too slow is noted.
  Error give_up(const Pace& pace, const Error& error);

  // starttls.cc
  runtime::Task<void> starttls(std::string_view arguments);
  runtime::Task<bool> start_tls(TimePoint deadline);

  // authenticate.cc
  runtime::Task<void> authenticate(std::string_view arguments);
  /// The lines from AUTH to credentials; nullopt when they ended in a reply instead.
  runtime::Task<std::optional<auth::Credentials>> run_exchange(auth::SaslExchange& exchange,
                                                               std::optional<std::string> initial);
  runtime::Task<std::optional<std::string>> read_response();
  void log_in(std::shared_ptr<const config::User> user);
  void reject_login();

  // transaction.cc
  void mail(std::string_view arguments);
  void rcpt(std::string_view arguments);
  void rset(std::string_view arguments);
  std::optional<smtp::Reply> judge_sender(const smtp::MailCommand& command);
  smtp::Reply over_limit(const policy::Refusal& refusal);
  /// Drops the transaction, if one is open, and logs why it came to nothing.
  void drop_transaction(std::string_view why);
  /// Our own refusal in the form of the relay's, so that both are told in the same way.
  static relay::Delivery refused(smtp::Reply reply);
  /// Logs the end of the transaction: what came of it, or why it was given up.
  void record(const message::Envelope& envelope, std::uint64_t size,
              const std::optional<relay::Delivery>& delivery, std::string_view why = {});

  // content.cc
  runtime::Task<void> data(std::string_view arguments);
  /// Takes octets until the content or chunk is finished. An error: the client can't be heard.
  runtime::Task<Result<void>> receive(Content& content);
  runtime::Task<void> settle(Content& content);
  /// Weighs and relays what was received whole, and answers.
  runtime::Task<void> submit(Content& content);
  std::optional<smtp::Reply> judge(const Content& content);
  message::Message assemble(Content& content);
  runtime::Task<void> conclude(const message::Envelope& envelope, std::uint64_t size,
                               relay::Delivery delivery);

  // chunks.cc
  runtime::Task<void> bdat(std::string_view arguments);
  /// Reads a refused chunk to its end, then answers.
  runtime::Task<void> discard(smtp::BdatCommand command, smtp::Reply refusal);

  const config::Config& config() const { return *snapshot_.config; }
  /// Where the client is; a proxy before us may have said so.
  IpAddress client_address() const { return IpAddress::parse(client_ip_).value_or(IpAddress()); }
  TimePoint after(Duration span) { return context_.loop.after(span); }

  Context& context_;
  const Snapshot snapshot_;
  const Gate gate_;
  const smtp::ExtensionSet enabled_;  // on this listener
  std::string client_ip_;
  NetworkCount::Slot network_;
  runtime::Transport* const transport_;  // of the dialog, until TLS takes it
  Dialog dialog_;
  runtime::ByteStream* handshaking_ = nullptr;  // while the TLS handshake owns the stream
  const net::TlsInfo* tls_ = nullptr;           // of the dialog's stream, once it is TLS
  metrics::Gauge::Hold open_session_;

  std::string client_name_;       // of EHLO or HELO
  std::unique_ptr<Login> login_;  // once authenticated
  std::unique_ptr<Transaction> transaction_;
  std::uint32_t errors_ = 0;
  std::uint32_t auth_failures_ = 0;
  std::uint32_t messages_ = 0;
  std::uint32_t transactions_ = 0;  // MAIL commands
  std::size_t behind_data_ = 0;     // octets that had come behind a DATA when it was refused
  bool content_may_come_ = false;   // since then no command showed that its client knows of it
  bool greeted_ = false;
  bool extended_ = false;
  bool open_ = true;
  bool draining_ = false;
  bool waiting_for_command_ = false;
};

}  // namespace sallyport::submission
