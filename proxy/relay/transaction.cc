#include "proxy/relay/transaction.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/relay/added_fields.h"
#include "proxy/relay/commands.h"
#include "proxy/relay/content.h"
#include "proxy/relay/suited.h"

namespace sallyport::relay {
namespace {

using metrics::CloseReason;
using runtime::Task;
using smtp::Reply;
using std::chrono::minutes;
using std::chrono::seconds;

// RFC 5321 section 4.5.3.2.
constexpr Duration kMailTimeout = minutes(5);  // and RCPT, and RSET
constexpr Duration kDataTimeout = minutes(2);
constexpr Duration kEndTimeout = minutes(10);
// For replies that can't change the verdict any more.
constexpr Duration kLeftoverTimeout = seconds(5);
// For the second and later replies to a flight, as long as it is not known that this upstream keeps
// PIPELINING: a server that throws away what comes behind a command never sends them.
constexpr Duration kFlightTimeout = seconds(15);
constexpr int kFlightShare = 3;  // and at most this part of the time left, so that some is left

// With more recipients, those that are accepted are not noted one by one.
constexpr std::size_t kMostNoted = 10;

// Commands in flight (RFC 2920). With more, both sides could wait for the other to read.
constexpr std::size_t kMostInFlight = 200;

class UpstreamTransaction {
 public:
  UpstreamTransaction(runtime::Loop& loop, Connection& connection, const config::Upstream& upstream,
                      config::PartialRejection partial_rejection, const message::Message& message,
                      const Deadlines& deadlines, Caller caller)
      : loop_(loop),
        connection_(connection),
        upstream_(upstream),
        partial_rejection_(partial_rejection),
        message_(message),
        recipients_(message.envelope.recipients),
        deadlines_(deadlines),
        caller_(caller),
        reused_(connection.mails > 0),
        first_(connection.rset_due ? kRset : kMail),
        at_once_(goes_at_once(message, connection, loop.now())) {}

  Task<Attempt> run() {
    if (auto unsuited = check_suited(message_, connection_, upstream_)) {
      co_return std::move(*unsuited);
    }
    if (at_once_) {
      co_await converse_at_once();
    } else {
      co_await converse();
      if (!verdict_) decide();
      if (!verdict_ && caller_.has_gone()) verdict_ = abandoned(Stage::kData);
    }
    if (!verdict_) {
      connection_.rset_due = false;
      verdict_ = at_once_ ? co_await read_verdict(loop_, connection_, upstream_, message_, true,
                                                  deadlines_.overall)
                          : co_await send_content(loop_, connection_, upstream_, message_,
                                                  deadlines_.overall);
      verdict_->lost_chunk = at_once_ && !goes_by_bdat(message_) && is_lost_chunk(*verdict_);
      if (verdict_->end == End::kAccepted) {
        verdict_->refused.insert(verdict_->refused.begin(),
                                 std::make_move_iterator(refused_.begin()),
                                 std::make_move_iterator(refused_.end()));
      }
    } else {
      leave();
    }
    assert(verdict_);
    verdict_->recipients_refused = refusals_;
    verdict_->recipients_taken = taken_at_most_;
    co_return std::move(*verdict_);
  }

 private:
  // The commands of a transaction by number: RSET, MAIL, each RCPT, DATA. BDAT is none of them: it
  // is one with the content (RFC 3030).
  static constexpr std::size_t kRset = 0;
  static constexpr std::size_t kMail = 1;
  static constexpr std::size_t kFirstRcpt = 2;
  std::size_t data() const { return kFirstRcpt + recipients_.size(); }
  std::size_t end() const { return goes_by_bdat(message_) ? data() : data() + 1; }

  Stage stage_of(std::size_t command) const {
    return command == kRset    ? Stage::kRset
           : command == kMail  ? Stage::kMail
           : command == data() ? Stage::kData
                               : Stage::kRcpt;
  }

  void hang_up(CloseReason reason) { connection_.closing = reason; }

  /// Of many recipients only those are worth a step that the upstream refuses.
  void note(std::size_t command, const Reply& reply) {
    if (caller_.story == nullptr) return;
    const Stage stage = stage_of(command);
    if (stage == Stage::kRcpt && recipients_.size() > kMostNoted && is_success(reply)) return;
    std::string words = one_line(reply);
    if (stage == Stage::kRcpt) {
      words = recipients_[command - kFirstRcpt].forward_path.str() + ": " + words;
    }
    caller_.story->note(loop_.now(), name(stage), words);
  }

  TimePoint within(Duration span) const { return deadlines_.reply_ends(loop_.now(), span); }

  void append_command(std::size_t command) {
    std::string& commands = connection_.commands;
    if (command == kRset) {
      commands += "RSET\r\n";
    } else if (command == kMail) {
      ++connection_.mails;
      append_mail(message_, connection_, commands, most_added(upstream_, message_));
    } else if (command == data()) {
      commands += "DATA\r\n";
    } else {
      append_rcpt(recipients_[command - kFirstRcpt], connection_.capabilities, commands);
    }
  }

  /// Nothing may be unread when a flight begins: it would be taken for the flight's replies. A
  /// connection that the pool lends again has been looked at. Between flights what came along with
  /// the last reply decides; the stream is looked at again before the content.
  Task<bool> is_in_step(std::size_t next) {
    if (!at_once_ && connection_.mails > 0 && !connection_.has_unread()) co_return true;
    const auto in_step = co_await connection_.check_in_step(loop_.now());
    if (in_step) co_return true;
    if (connection_.has_unread()) {
      const auto unasked = co_await connection_.read_reply(loop_.now());
      if (unasked && unasked->code == 421) take(next, *unasked);
    }
    if (!verdict_) {
      lost(next, in_step.error());
      if (verdict_) verdict_->stale = true;
    }
    co_return false;
  }

  /// Says the commands, as many at a time as may be in flight, and reads their replies until the
  /// verdict is sure or the last of them was answered. Only then may content follow, and BDAT with
  /// it (RFC 3030 section 2): sent along with RCPT, it could not be taken back when a recipient is
  /// refused.
  Task<void> converse() {
    const std::size_t window = connection_.capabilities.pipelining ? kMostInFlight : 1;
    std::size_t said = first_;
    for (std::size_t next = first_; next < end(); ++next) {
      if (next == said) {
        if (is_decided() || !co_await is_in_step(next)) co_return;
        connection_.commands.clear();
        while (said < end() && said - next < window) append_command(said++);
        flight_ = {.first = next, .size = said - next};
        written_ = co_await connection_.write(
            connection_.commands, next == first_ ? first_deadline() : within(kMailTimeout));
      }
      const auto reply = co_await connection_.read_reply(reply_deadline(next));
      if (!reply) {
        lost(next, reply.error());
        co_return;
      }
      take(next, *reply);
      if (connection_.closing) co_return;
    }
  }

  /// Says MAIL and RCPT and sends the content behind them, then reads the replies to the former.
  /// Without a verdict the content was handed over and its reply is to be read.
  Task<void> converse_at_once() {
    if (!co_await is_in_step(kMail)) co_return;
    connection_.commands.clear();
    append_command(kMail);
    append_command(kFirstRcpt);
    flight_ = {.first = kMail, .size = 2};
    written_ = co_await write_at_once(loop_, connection_, upstream_, message_, deadlines_.overall);
    for (const std::size_t next : {kMail, kFirstRcpt}) {
      const bool handed_over = written_ && !verdict_;
      const auto reply = co_await connection_.read_reply(
          handed_over ? deadlines_.content_ends(loop_.now(), kEndTimeout)
                      : within(kLeftoverTimeout));
      if (!reply) {
        lost(next, reply.error());
        break;
      }
      take(next, *reply);
      if (connection_.closing) break;
    }
    if (!verdict_ && !may_send()) decide();
    if (!written_) {
      hang_up(CloseReason::kError);
      if (!verdict_) {
        verdict_ =
            co_await stopped_midway(loop_, connection_, upstream_, message_, written_.error());
      }
    } else if (!verdict_) {
      co_return;
    } else if (!verdict_->reply) {
      became_unknown(verdict_->error);
    } else if (!connection_.closing) {
      co_await take_refusal_of_chunk();
    }
  }

  /// MAIL or RCPT was refused, so the content must be.
  Task<void> take_refusal_of_chunk() {
    connection_.rset_due = true;  // RFC 3030 section 2
    const auto reply = co_await connection_.read_reply(within(kLeftoverTimeout));
    if (reply && is_refusal(*reply)) {
      if (reply->code == 421) hang_up(CloseReason::kPeer);
      co_return;
    }
    hang_up(CloseReason::kError);
    if (reply) {
      became_unknown(unexpected_reply(Stage::kEnd, *reply).error);
    } else if (verdict_ && verdict_->reply) {
      // One reply for the rest of the flight: that it is a syntax error says nothing else.
      verdict_->lost_replies = is_syntax_error(*verdict_->reply);
    }
  }

  /// The content is with the kernel, and what the upstream said is no verdict on it.
  void became_unknown(Error error) {
    hang_up(CloseReason::kError);
    verdict_ = failure(Stage::kEnd, std::move(error));
    verdict_->end = End::kUnknown;
  }

  /// The recipient was taken, and BDAT was not understood.
  static bool is_lost_chunk(const Attempt& attempt) {
    return attempt.stage == Stage::kEnd && attempt.reply && attempt.reply->code >= 500 &&
           attempt.reply->code <= 504;
  }

  TimePoint reply_deadline(std::size_t command) const {
    if (verdict_ || !written_) return within(kLeftoverTimeout);
    if (command == first_) return first_deadline();
    const TimePoint usual = within(command == data() ? kDataTimeout : kMailTimeout);
    if (!is_on_trial() || command == flight_.first) return usual;
    const TimePoint share = loop_.now() + (deadlines_.handover - loop_.now()) / kFlightShare;
    return std::min({usual, share, loop_.after(kFlightTimeout)});
  }

  /// Several commands are in flight, on a connection that has not carried a message yet: whether
  /// the upstream keeps PIPELINING remains to be seen.
  bool is_on_trial() const { return flight_.size > 1 && connection_.messages == 0; }

  /// May the replies to a flight be missing because the upstream does not keep PIPELINING? It ended
  /// the connection, or answered some commands and not the others.
  bool lost_replies(std::size_t command, const Error& error) const {
    if (!is_on_trial()) return false;
    return is_hang_up(error) || (error.code == ErrorCode::kTimeout && command > flight_.first);
  }

  /// The reply to a command that was not understood: so is one that several commands were read as.
  static bool is_syntax_error(const Reply& reply) { return reply.code >= 500 && reply.code <= 503; }

  /// What servers say that check who speaks out of turn, though they offer PIPELINING.
  static bool forbids_pipelining(const Reply& reply) {
    if (!is_refusal(reply)) return false;
    const std::string text = ascii::lower(reply.text());
    return text.contains("pipelining") || text.contains("synchroni");
  }

  /// A reused connection may have died in silence: its first reply is worth seconds, not minutes.
  TimePoint first_deadline() const {
    return reused_ ? deadlines_.first_reply_on_reused_ends(loop_.now()) : within(kMailTimeout);
  }

  /// The connection gave no reply to `command`.
  void lost(std::size_t command, const Error& error) {
    hang_up(is_hang_up(error) ? CloseReason::kPeer : CloseReason::kError);
    const bool lost_some = lost_replies(command, error);
    if (verdict_) {
      // One reply to the whole flight: that it is a syntax error says nothing about the message.
      verdict_->lost_replies =
          flight_.size > 1 && verdict_->reply && is_syntax_error(*verdict_->reply);
      return;
    }
    verdict_ = failure(stage_of(command), written_ ? error : written_.error());
    // The peer may have gone long ago, with a goodbye that comes only now, or without one. A later
    // reply that never comes is another matter.
    const bool silent = command == first_ && reused_ && verdict_->error.code == ErrorCode::kTimeout;
    verdict_->stale = silent || is_hang_up(verdict_->error);
    verdict_->lost_replies = lost_some;
  }

  void take(std::size_t command, const Reply& reply) {
    note(command, reply);
    // RFC 5321 section 3.8: 421 may answer any command; the upstream hangs up.
    if (reply.code == 421) {
      hang_up(CloseReason::kPeer);
      if (!verdict_) {
        verdict_ = refusal(stage_of(command), reply, *upstream_.provider, message_.envelope);
        verdict_->stale = true;
      }
      return;
    }
    if (is_on_trial() && !verdict_ && forbids_pipelining(reply)) {
      hang_up(CloseReason::kError);
      verdict_ = refusal(stage_of(command), reply, *upstream_.provider, message_.envelope);
      verdict_->lost_replies = true;
      return;
    }
    if (command == kRset) {
      take_rset(reply);
    } else if (command == kMail) {
      take_mail(reply);
    } else if (command == data()) {
      take_data(reply);
    } else {
      take_rcpt(command - kFirstRcpt, reply);
    }
  }

  /// A reply that makes no sense here answers something else.
  void out_of_step(Stage stage, const Reply& reply) {
    hang_up(CloseReason::kError);
    if (verdict_) return;
    verdict_ = unexpected_reply(stage, reply);
    verdict_->stale = true;
    verdict_->lost_replies = is_on_trial();
  }

  void take_rset(const Reply& reply) {
    if (reply.code == 250) {
      connection_.rset_due = false;
      return;
    }
    out_of_step(Stage::kRset, reply);
  }

  void take_mail(const Reply& reply) {
    if (is_success(reply)) {
      open_ = true;
    } else if (!is_refusal(reply)) {
      out_of_step(Stage::kMail, reply);
    } else {
      verdict_ = refusal(Stage::kMail, reply, *upstream_.provider, message_.envelope);
      // 530 and the like: the login has lapsed.
      verdict_->stale = is_idle_timeout(reply) || verdict_->end == End::kMisconfigured;
      if (verdict_->stale) hang_up(CloseReason::kPeer);
    }
  }

  void take_rcpt(std::size_t index, const Reply& reply) {
    if (is_success(reply)) {
      open_ = true;
      ++accepted_;
    } else if (!is_refusal(reply)) {
      out_of_step(Stage::kRcpt, reply);
    } else if (!verdict_) {
      refuse({recipients_[index].forward_path, reply});
    }
  }

  void refuse(RefusedRecipient refused) {
    ++refusals_;
    if (!is_for_good(refused)) later_may_help_ = true;
    const bool too_many =
        says_too_many_recipients(refused.reply) &&
        read_reply(*upstream_.provider, Stage::kRcpt, refused.reply).meaning == Meaning::kPlain;
    if (too_many && taken_at_most_ == 0) taken_at_most_ = accepted_;
    refused_.push_back(std::move(refused));
  }

  /// A recipient that is one too many is refused for this transaction only, also by a 5xx.
  bool is_for_good(const RefusedRecipient& refused) const {
    return !says_too_many_recipients(refused.reply) &&
           relay::refusal(Stage::kRcpt, refused.reply, *upstream_.provider, message_.envelope)
                   .end == End::kRefused;
  }

  void take_data(const Reply& reply) {
    if (reply.code == 354) {
      prompted_ = true;
    } else if (!is_refusal(reply)) {
      out_of_step(Stage::kData, reply);
    } else {
      data_refused_ = reply;
    }
  }

  /// "451 4.4.2 Timeout waiting for data from client": said to a connection that idled.
  static bool is_idle_timeout(const Reply& reply) {
    if (reply.code != 451) return false;
    if (reply.enhanced == smtp::EnhancedCode{4, 4, 2}) return true;
    const std::string text = ascii::lower(reply.text());
    return text.contains("timeout") || text.contains("timed out");
  }

  /// Is it already sure, before DATA is said, that nothing will be sent?
  bool is_decided() const {
    if (verdict_) return true;
    return accepted_ + refused_.size() == recipients_.size() && !may_send();
  }

  bool may_send() const {
    if (accepted_ == 0) return false;
    if (refused_.empty()) return true;
    // One reply stands for all. A recipient that may be taken later must not be dropped by a 250.
    return partial_rejection_ == config::PartialRejection::kDeliver && !later_may_help_;
  }

  /// All replies that will come are there: why can nothing be sent, if nothing can?
  void decide() {
    if (!may_send()) {
      verdict_ = refused_recipients();
    } else if (data_refused_) {
      verdict_ = refusal(Stage::kData, *data_refused_, *upstream_.provider, message_.envelope);
    }
    if (verdict_ && verdict_->end == End::kMisconfigured) {
      // The login has lapsed, or never counted for mail.
      hang_up(CloseReason::kError);
      verdict_->stale = true;
    }
  }

  /// One reply must stand for all recipients. If any is refused for good, the same message can't
  /// succeed later either; but if the others would be sent ("deliver"), later may be better.
  Attempt refused_recipients() {
    const bool others_are_sent = partial_rejection_ == config::PartialRejection::kDeliver;
    const auto deciding = std::ranges::find_if(refused_, [&](const RefusedRecipient& refusal) {
      return is_for_good(refusal) != others_are_sent;
    });
    const RefusedRecipient& decides = deciding == refused_.end() ? refused_.front() : *deciding;
    if (taken_at_most_ > 0 && says_too_many_recipients(decides.reply)) {
      return too_many_recipients(message_, upstream_, taken_at_most_);
    }
    Attempt attempt = refusal(Stage::kRcpt, decides.reply, *upstream_.provider, message_.envelope);
    const bool all_alike =
        accepted_ == 0 && std::ranges::all_of(refused_, [&](const RefusedRecipient& refusal) {
          return refusal.reply == decides.reply;
        });
    if (!all_alike) attempt.refused = std::move(refused_);
    return attempt;
  }

  /// Nothing is sent: is the connection good for another transaction?
  void leave() {
    // The upstream waits for content. An empty message must not be sent, so nothing can be.
    if (prompted_) hang_up(CloseReason::kError);
    if (open_) connection_.rset_due = true;
  }

  runtime::Loop& loop_;
  Connection& connection_;
  const config::Upstream& upstream_;
  const config::PartialRejection partial_rejection_;
  const message::Message& message_;
  const std::vector<message::Recipient>& recipients_;
  const Deadlines deadlines_;
  const Caller caller_;
  const bool reused_;  // the connection: it may have died meanwhile
  const std::size_t first_;
  const bool at_once_;  // the content goes along with MAIL and RCPT

  struct Flight {
    std::size_t first = 0;  // command
    std::size_t size = 0;   // commands
  };
  Flight flight_;               // the last one
  Result<void> written_;        // of it
  bool open_ = false;           // the upstream took MAIL or a RCPT
  bool prompted_ = false;       // 354 came
  std::uint32_t accepted_ = 0;  // recipients
  std::vector<RefusedRecipient> refused_;
  std::uint32_t refusals_ = 0;       // of recipients
  bool later_may_help_ = false;      // one of them, at least, is not for good
  std::uint32_t taken_at_most_ = 0;  // recipients, before one was too many
  std::optional<Reply> data_refused_;
  std::optional<Attempt> verdict_;
};

}  // namespace

Task<Attempt> transact(runtime::Loop& loop, Connection& connection,
                       const config::Upstream& upstream, config::PartialRejection partial_rejection,
                       const message::Message& message, const Deadlines& deadlines, Caller caller) {
  UpstreamTransaction transaction(loop, connection, upstream, partial_rejection, message, deadlines,
                                  caller);
  co_return co_await transaction.run();
}

}  // namespace sallyport::relay
