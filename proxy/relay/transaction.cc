#include "proxy/relay/transaction.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "proxy/base/ascii.h"
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
// For replies that can't change the verdict any more.
constexpr Duration kLeftoverTimeout = seconds(5);

// Commands in flight (RFC 2920). With more, both sides could wait for the other to read.
constexpr std::size_t kMostInFlight = 200;

class Transaction {
 public:
  Transaction(runtime::Loop& loop, Connection& connection, const config::Upstream& upstream,
              config::PartialRejection partial_rejection, const message::Message& message,
              TimePoint deadline)
      : loop_(loop),
        connection_(connection),
        upstream_(upstream),
        partial_rejection_(partial_rejection),
        message_(message),
        recipients_(message.envelope.recipients),
        deadline_(deadline),
        first_(connection.rset_due ? kRset : kMail) {}

  Task<Attempt> run() {
    if (auto unsuited = check_suited(message_, connection_, upstream_)) {
      co_return std::move(*unsuited);
    }
    co_await converse();
    if (!verdict_) decide();
    if (!verdict_) {
      connection_.rset_due = false;
      verdict_ = co_await send_content(loop_, connection_, upstream_, message_, deadline_);
      if (verdict_->end == End::kAccepted) {
        verdict_->refused.insert(verdict_->refused.begin(), std::make_move_iterator(refused_.begin()),
                                 std::make_move_iterator(refused_.end()));
      }
    } else {
      leave();
    }
    assert(verdict_);
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

  TimePoint within(Duration span) const { return std::min(deadline_, loop_.after(span)); }

  void append_command(std::size_t command) {
    std::string& commands = connection_.commands;
    if (command == kRset) {
      commands += "RSET\r\n";
    } else if (command == kMail) {
      ++connection_.mails;
      append_mail(message_, connection_, commands);
    } else if (command == data()) {
      commands += "DATA\r\n";
    } else {
      append_rcpt(recipients_[command - kFirstRcpt], connection_.capabilities, commands);
    }
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
        if (is_decided()) co_return;
        connection_.commands.clear();
        while (said < end() && said - next < window) append_command(said++);
        written_ = co_await connection_.write(connection_.commands, within(kMailTimeout));
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

  TimePoint reply_deadline(std::size_t command) const {
    if (verdict_ || !written_) return within(kLeftoverTimeout);
    return within(command == data() ? kDataTimeout : kMailTimeout);
  }

  /// The connection gave no reply to `command`.
  void lost(std::size_t command, const Error& error) {
    hang_up(is_hang_up(error) ? CloseReason::kPeer : CloseReason::kError);
    if (verdict_) return;
    verdict_ = failure(stage_of(command), written_ ? error : written_.error());
    // The peer may have said goodbye long ago; a reply that never comes is another matter.
    verdict_->stale = command <= kMail && is_hang_up(verdict_->error);
  }

  void take(std::size_t command, const Reply& reply) {
    // RFC 5321 section 3.8: 421 may answer any command; the upstream hangs up.
    if (reply.code == 421) {
      hang_up(CloseReason::kPeer);
      if (!verdict_) {
        verdict_ = refusal(stage_of(command), reply, *upstream_.provider, message_.envelope);
        verdict_->stale = command <= kMail;
      }
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

  void take_rset(const Reply& reply) {
    if (reply.code == 250) {
      connection_.rset_due = false;
      return;
    }
    hang_up(CloseReason::kError);
    verdict_ = unexpected_reply(Stage::kRset, reply);
    verdict_->stale = true;
  }

  void take_mail(const Reply& reply) {
    if (is_success(reply)) {
      open_ = true;
    } else if (!is_refusal(reply)) {
      hang_up(CloseReason::kError);
      verdict_ = unexpected_reply(Stage::kMail, reply);
    } else {
      verdict_ = refusal(Stage::kMail, reply, *upstream_.provider, message_.envelope);
      verdict_->stale = is_idle_timeout(reply);
      if (verdict_->stale) hang_up(CloseReason::kPeer);
    }
  }

  void take_rcpt(std::size_t index, const Reply& reply) {
    if (is_success(reply)) {
      open_ = true;
      ++accepted_;
    } else if (!is_refusal(reply)) {
      hang_up(CloseReason::kError);
      if (!verdict_) verdict_ = unexpected_reply(Stage::kRcpt, reply);
    } else if (!verdict_) {
      refused_.push_back({recipients_[index].forward_path, reply});
    }
  }

  void take_data(const Reply& reply) {
    if (reply.code == 354) {
      prompted_ = true;
    } else if (!is_refusal(reply)) {
      hang_up(CloseReason::kError);
      if (!verdict_) verdict_ = unexpected_reply(Stage::kData, reply);
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
    return accepted_ > 0 &&
           (refused_.empty() || partial_rejection_ == config::PartialRejection::kDeliver);
  }

  /// All replies that will come are there: why can nothing be sent, if nothing can?
  void decide() {
    if (!may_send()) {
      verdict_ = refused_recipients();
    } else if (data_refused_) {
      verdict_ = refusal(Stage::kData, *data_refused_, *upstream_.provider, message_.envelope);
    }
  }

  /// One reply must stand for all recipients. If any is refused for good, the same message can't
  /// succeed later either; but if the taken ones would be sent ("deliver"), later may be better.
  Attempt refused_recipients() {
    const auto is_refused_for_good = [&](const Refusal& refusal) {
      return relay::refusal(Stage::kRcpt, refusal.reply, *upstream_.provider, message_.envelope).end == End::kRefused;
    };
    const bool later_may_help = partial_rejection_ == config::PartialRejection::kDeliver;
    const auto deciding = std::ranges::find_if(refused_, [&](const Refusal& refusal) {
      return is_refused_for_good(refusal) != later_may_help;
    });
    const Refusal& decides = deciding == refused_.end() ? refused_.front() : *deciding;
    Attempt attempt = refusal(Stage::kRcpt, decides.reply, *upstream_.provider, message_.envelope);
    const bool all_alike =
        accepted_ == 0 && std::ranges::all_of(refused_, [&](const Refusal& refusal) {
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
  const TimePoint deadline_;
  const std::size_t first_;

  Result<void> written_;      // the last flight of commands
  bool open_ = false;         // the upstream took MAIL or a RCPT
  bool prompted_ = false;     // 354 came
  std::size_t accepted_ = 0;  // recipients
  std::vector<Refusal> refused_;
  std::optional<Reply> data_refused_;
  std::optional<Attempt> verdict_;
};

}  // namespace

Task<Attempt> transact(runtime::Loop& loop, Connection& connection,
                       const config::Upstream& upstream, config::PartialRejection partial_rejection,
                       const message::Message& message, TimePoint deadline) {
  Transaction transaction(loop, connection, upstream, partial_rejection, message, deadline);
  co_return co_await transaction.run();
}

}  // namespace sallyport::relay
