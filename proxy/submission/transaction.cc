// MAIL, RCPT and RSET: RFC 5321 sections 4.1.1.2, 4.1.1.3 and 4.1.1.5.
#include "proxy/submission/transaction.h"

#include <algorithm>
#include <utility>

#include "proxy/policy/sender_policy.h"
#include "proxy/submission/session.h"
#include "proxy/submission/transaction_log.h"

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

}  // namespace

void Session::mail(std::string_view arguments) {
  // RFC 9422 section 4: MAILMAX counts every MAIL, whatever came of it.
  const std::uint32_t most = config().session.max_messages;
  if (most != 0 && transactions_ >= most) return end(replies::kTooManyTransactions);
  ++transactions_;
  auto command = smtp::parse_mail(arguments, offered());
  if (!command) return refuse(command.error());
  // RFC 4954 section 5: who has authenticated speaks for itself, and we have no reason to trust it
  // about anybody else. What it says about the first submitter goes on as "nobody knows".
  if (!command->parameters.auth.empty()) command->parameters.auth = "<>";
  auto refusal = judge_sender(*command);
  transaction_ = std::make_unique<Transaction>();
  transaction_->id = context_.ids.next(context_.wall_time());
  transaction_->began = context_.loop.now();
  transaction_->envelope = {.reverse_path = std::move(command->reverse_path),
                            .parameters = std::move(command->parameters),
                            .recipients = {}};
  if (refusal) {
    dialog_.say(*refusal);
    record(transaction_->envelope, 0, refused(std::move(*refusal)));
    transaction_.reset();
    return;
  }
  const auto& reverse_path = transaction_->envelope.reverse_path;
  transaction_->max_recipients =
      std::min({std::uint64_t{config().session.max_recipients},
                std::uint64_t{context_.deliverer.max_recipients(reverse_path)},
                login_->limits->most_recipients().value_or(~std::uint64_t{0})});
  content_may_come_ = false;
  dialog_.say(replies::kSenderOk);
}

std::optional<smtp::Reply> Session::judge_sender(const smtp::MailCommand& command) {
  // RFC 1870 section 6.1: said before a single octet of it is sent.
  if (command.parameters.size.value_or(0) > config().message.max_size) {
    return replies::too_large(config().message.max_size);
  }
  if (auto refusal = policy::check_reverse_path(*login_->user, command.reverse_path)) {
    return refusal;
  }
  // Nothing is charged or taken yet: this only saves the client from sending what would be refused
  // later.
  const std::uint64_t held = context_.budget.used();
  const std::uint64_t declared = command.parameters.size.value_or(0);
  if (declared > 0 && held + declared > context_.budget.limit()) {
    context_.metrics.process().content_refusals.add();
    return replies::no_budget();
  }
  const policy::Charge least{.messages = 1, .recipients = 1, .bytes = declared};
  const auto allowed = login_->limits->peek(least, context_.loop.now());
  if (!allowed) return over_limit(allowed.error());
  return std::nullopt;
}

smtp::Reply Session::over_limit(const policy::Refusal& refusal) {
  login_->metrics.limit_refusals[counted_as(refusal.limit)].add();
  return policy::reply_for(refusal, login_->user->name);
}

void Session::rcpt(std::string_view arguments) {
  auto command = smtp::parse_rcpt(arguments, offered(), transaction_->envelope.parameters.smtputf8);
  if (!command) return refuse(command.error());
  auto& recipients = transaction_->envelope.recipients;
  if (recipients.size() >= transaction_->max_recipients) {
    return dialog_.say(replies::kTooManyRecipients);
  }
  // RFC 5321 section 4.1.1.3: <Postmaster> needs no domain; here it is whoever runs this host.
  if (command->forward_path.domain.empty()) command->forward_path.domain = config().hostname;
  recipients.push_back({std::move(command->forward_path), std::move(command->parameters)});
  content_may_come_ = false;
  dialog_.say(replies::kRecipientOk);
}

void Session::rset(std::string_view arguments) {
  if (const auto fine = smtp::parse_no_arguments(arguments); !fine) return refuse(fine.error());
  drop_transaction("the client said RSET");
  dialog_.say(replies::kOk);
}

void Session::drop_transaction(std::string_view why) {
  if (!transaction_) return;
  record(transaction_->envelope, 0, std::nullopt, why);
  transaction_.reset();
}

relay::Delivery Session::refused(smtp::Reply reply) {
  relay::Delivery delivery;
  delivery.outcome = reply.is_permanent() ? relay::Outcome::kRefused : relay::Outcome::kDeferred;
  delivery.reply = std::move(reply);
  return delivery;
}

void Session::record(const message::Envelope& envelope, std::uint64_t size,
                     const std::optional<relay::Delivery>& delivery, std::string_view why) {
  const TimePoint now = context_.loop.now();
  log_transaction(context_.logger,
                  {.id = transaction_->id.view(),
                   .client_ip = client_ip_,
                   .user = login_->user->name,
                   .envelope = envelope,
                   .size = size,
                   .delivery = delivery ? &*delivery : nullptr,
                   .why = why,
                   .tls = tls_,
                   .receiving = std::min(now, transaction_->received) - transaction_->began,
                   .total = now - transaction_->began});
}

}  // namespace sallyport::submission
