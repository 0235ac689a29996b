// MAIL, RCPT and RSET: RFC 5321 sections 4.1.1.2, 4.1.1.3 and 4.1.1.5.
#include "proxy/submission/transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/policy/sender_policy.h"
#include "proxy/relay/cause.h"
#include "proxy/submission/session.h"
#include "proxy/submission/transaction_log.h"
#include "proxy/submission/transaction_trace.h"

namespace sallyport::submission {
namespace {

/// The same limit by the name that metrics, which know of no policy, have for it.
metrics::Limit counted_as(policy::Limit limit) {
  switch (limit) {
    case policy::Limit::kMessages:
      return metrics::Limit::kMessages;
    case policy::Limit::kRecipients:
      return metrics::Limit::kRecipients;
    case policy::Limit::kBytes:
      return metrics::Limit::kBytes;
    case policy::Limit::kConnections:
      return metrics::Limit::kConnections;
  }
  return metrics::Limit::kMessages;
}

// A message that is split goes in so many upstream transactions, at most, that they fit in one
// delivery's deadline.
constexpr std::uint64_t kMostParts = 10;

}  // namespace

std::uint64_t most_recipients(const config::Session& settings, std::uint64_t at_a_time) {
  if (settings.overflow != config::Overflow::kSplit) return at_a_time;
  return std::max<std::uint64_t>(settings.max_recipients, kMostParts * at_a_time);
}

void Session::mail(std::string_view arguments) {
  if (!renew_login()) return;
  // RFC 9422 section 4: MAILMAX counts every MAIL, whatever came of it.
  const std::uint32_t most = config().session.max_messages;
  if (most != 0 && tally_.transactions >= most) {
    decline(replies::kTooManyTransactions);
    open_ = false;
    return;
  }
  ++tally_.transactions;
  auto command = smtp::parse_mail(arguments, offered());
  if (!command) return refuse(command.error());
  // RFC 4954 section 5: who has authenticated speaks for itself, and we have no reason to trust it
  // about anybody else. What it says about the first submitter goes on as "nobody knows".
  if (!command->parameters.auth.empty()) command->parameters.auth = "<>";
  auto refusal = check_sender(*command);
  transaction_ = std::make_unique<Transaction>();
  transaction_->id = context_.ids.next(context_.wall_time());
  transaction_->began = context_.loop.now();
  begin_story();
  transaction_->envelope = {.reverse_path = std::move(command->reverse_path),
                            .parameters = std::move(command->parameters),
                            .recipients = {}};
  if (!refusal) refusal = reserve();
  if (refusal) {
    say(refusal->reply);
    count_refusal(refusal->reply.code);  // the line of the transaction has the reply
    record(transaction_->envelope, 0, refusal);
    transaction_.reset();
    return;
  }
  const auto& reverse_path = transaction_->envelope.reverse_path;
  const std::uint64_t at_a_time = std::min(
      config().session.max_recipients, context_.deliverer.max_recipients(reverse_path, caller()));
  transaction_->max_recipients =
      std::min(most_recipients(config().session, at_a_time),
               login_->limits->most_recipients().value_or(~std::uint64_t{0}));
  refused_data_.end();
  dialog_.say(replies::kSenderOk);
}

std::optional<relay::Delivery> Session::check_sender(const smtp::MailCommand& command) {
  // RFC 1870 section 6.1: said before a single octet of it is sent.
  if (command.parameters.size.value_or(0) > config().message.max_size) {
    return refused(replies::too_large(config().message.max_size), relay::cause::kTooLarge);
  }
  if (auto refusal = policy::check_reverse_path(login_->identity.user(), command.reverse_path)) {
    return refused(std::move(*refusal), relay::cause::kSenderNotAllowed);
  }
  // Nothing is charged yet: this only saves the client from sending what would be refused later.
  const std::uint64_t declared = command.parameters.size.value_or(0);
  const policy::Charge least{.messages = 1, .recipients = 1, .bytes = declared};
  const auto allowed = login_->limits->peek(least, context_.loop.now());
  if (!allowed) return refused(over_limit(allowed.error()), relay::cause::kUserLimit);
  if (is_metered()) {
    if (auto refusal = peek_at_mail(command.reverse_path, declared)) {
      return refused(std::move(*refusal), relay::cause::kLimit);
    }
  }
  return std::nullopt;
}

/// RFC 1870 section 6.1: what MAIL announces is reserved, so that the client is put off before it
/// sends anything and not after.
std::optional<relay::Delivery> Session::reserve() {
  const std::uint64_t declared = transaction_->envelope.parameters.size.value_or(0);
  if (declared == 0) return std::nullopt;
  const std::uint64_t needed = message::Body::room_for(declared, context_.budget);
  // Half of the budget, but enough for one message: announcing costs a client nothing.
  const std::uint64_t most = std::max(context_.budget.limit() / 2, needed);
  auto announced = login_->limits->announce(needed, most);
  if (announced && transaction_->room.emplace(context_.budget).grow(needed)) {
    transaction_->announced = std::move(*announced);
    return std::nullopt;
  }
  context_.metrics.process().content_refusals.add();
  if (!announced) return refused(replies::too_much_announced(), relay::cause::kNoBudget);
  return refused(replies::no_budget(), relay::cause::kNoBudget);
}

smtp::Reply Session::over_limit(const policy::LimitExceeded& refusal) {
  login_->metrics.limit_refusals[counted_as(refusal.limit)].add();
  return policy::reply_for(refusal, login_->identity.name());
}

void Session::rcpt(std::string_view arguments) {
  auto command = smtp::parse_rcpt(arguments, offered(), transaction_->envelope.parameters.smtputf8);
  if (!command) {
    refuse_recipient(metrics::RecipientRefusal::kCommand, command.error().one_line());
    return refuse(command.error());
  }
  auto& recipients = transaction_->envelope.recipients;
  if (recipients.size() >= transaction_->max_recipients) {
    ++transaction_->overflowed;
    login_->metrics.recipients_refused[metrics::RecipientRefusal::kOverflow].add();
    return decline(replies::kTooManyRecipients);
  }
  // RFC 5321 section 4.1.1.3: <Postmaster> needs no domain; here it is whoever runs this host.
  if (command->forward_path.domain.empty()) command->forward_path.domain = config().hostname;
  if (is_metered()) {
    if (const auto refusal = peek_at_recipient(command->forward_path.domain)) {
      refuse_recipient(metrics::RecipientRefusal::kLimit, refusal->one_line());
      return decline(*refusal);
    }
  }
  recipients.push_back({std::move(command->forward_path), std::move(command->parameters)});
  refused_data_.end();
  dialog_.say(replies::kRecipientOk);
}

void Session::refuse_recipient(metrics::RecipientRefusal reason, std::string_view reply) {
  login_->metrics.recipients_refused[reason].add();
  if (transaction_->refused++ == 0) transaction_->first_refusal = reply;
  note_step("RCPT", reply);
}

// Client libraries send to the recipients that were accepted, and report nothing of the others
// (Python's smtplib and Django, PHPMailer, nodemailer): a 4xx or 5xx to RCPT alone loses mail.
std::optional<smtp::Reply> Session::partial_refusal() const {
  const Transaction& transaction = *transaction_;
  if (transaction.overflowed > 0 && config().session.overflow != config::Overflow::kClient) {
    return replies::too_many_recipients(transaction.id.view(), transaction.max_recipients,
                                        transaction.overflowed);
  }
  if (transaction.refused > 0 && config().partial_rejection == config::PartialRejection::kReject) {
    return replies::recipients_refused(transaction.id.view(), transaction.refused,
                                       transaction.refused + transaction.envelope.recipients.size(),
                                       transaction.first_refusal);
  }
  return std::nullopt;
}

void Session::conclude_early(smtp::Reply refusal) {
  transaction_->received = context_.loop.now();
  say(refusal);
  record(transaction_->envelope, 0, refused(std::move(refusal), relay::cause::kRecipientsRefused));
  transaction_.reset();
}

void Session::rset(std::string_view arguments) {
  if (const auto fine = smtp::parse_no_arguments(arguments); !fine) return refuse(fine.error());
  drop_transaction(relay::cause::kClientReset);
  dialog_.say(replies::kOk);
}

void Session::drop_transaction(std::string_view cause, std::string_view error) {
  if (!transaction_) return;
  record(transaction_->envelope, 0, std::nullopt, cause, error);
  transaction_.reset();
}

void Session::begin_story() {
  if (context_.traces == nullptr || !context_.traces->is_on()) return;
  transaction_->story = std::make_unique<trace::Story>();
  transaction_->story->note(
      login_->since, "login",
      fmt::format("{} by {}{}{}", login_->identity.name(), login_->mechanism,
                  tls_ != nullptr ? ", " : "", tls_ != nullptr ? tls_->version : ""));
  note_step("MAIL", "the transaction begins");
}

void Session::note_step(std::string_view step, std::string_view words) {
  if (transaction_ && transaction_->story) {
    transaction_->story->note(context_.loop.now(), step, words);
  }
}

relay::Delivery Session::refused(smtp::Reply reply, std::string_view cause) {
  relay::Delivery delivery;
  delivery.outcome = reply.is_permanent() ? relay::Outcome::kRefused : relay::Outcome::kDeferred;
  delivery.reply = std::move(reply);
  delivery.cause = cause;
  return delivery;
}

void Session::record(const message::Envelope& envelope, std::uint64_t size,
                     const std::optional<relay::Delivery>& delivery, std::string_view cause,
                     std::string_view error) {
  const TimePoint now = context_.loop.now();
  const TransactionRecord told{
      .id = transaction_->id.view(),
      .listener = gate_.settings.address,
      .client_ip = client_ip_,
      .ehlo = hello_.name,
      .user = login_->identity.name(),
      .message_id = transaction_->message_id,
      .envelope = envelope,
      .size = size,
      .refused_recipients = transaction_->overflowed + transaction_->refused,
      .delivery = delivery ? &*delivery : nullptr,
      .cause = cause,
      .error = error,
      .tls = tls_,
      .receiving = std::min(now, transaction_->received) - transaction_->began,
      .total = now - transaction_->began};
  log_transaction(context_.logger, told);
  if (transaction_->story && context_.traces != nullptr) {
    context_.traces->add(
        trace_of(told, transaction_->began, context_.wall_time(), std::move(*transaction_->story)));
  }
}

}  // namespace sallyport::submission
