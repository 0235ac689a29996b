// `[[limit]]`: looked at by MAIL and RCPT, taken when the content is there, and given back unless
// the message is delivered.
#include <algorithm>
#include <array>

#include "proxy/base/ascii.h"
#include "proxy/config/values.h"
#include "proxy/submission/session.h"

namespace sallyport::submission {
namespace {

/// Could one more recipient matter to `rule`?
bool counts_recipients(const config::LimitRule& rule) {
  return !rule.recipients.empty() || rule.key == config::LimitKey::kRecipientDomain;
}

/// Empty: it is the null reverse-path.
std::string_view domain_of(const smtp::ReversePath& reverse_path) {
  return reverse_path.mailbox ? std::string_view(reverse_path.mailbox->domain) : std::string_view();
}

}  // namespace

policy::Facts Session::facts() const {
  return {.user = login_->identity.user(),
          .client = client_address(),
          .listener = config::str(gate_.settings.address),
          .sender_domain =
              transaction_ ? domain_of(transaction_->envelope.reverse_path) : std::string_view()};
}

std::optional<smtp::Reply> Session::peek_at_mail(const smtp::ReversePath& reverse_path,
                                                 std::uint64_t octets) {
  policy::Facts asked = facts();
  asked.sender_domain = domain_of(reverse_path);
  asked.recipients = 1;
  asked.bytes = octets;
  const auto allowed = context_.ledger->peek(policy::meters_for(config().limit_rules, asked));
  if (allowed) return std::nullopt;
  count_exceeded(allowed.error(), metrics::Exceeded::kRefused);
  return policy::reply_for(allowed.error());
}

std::optional<smtp::Reply> Session::peek_at_recipient(std::string_view domain) {
  if (std::ranges::none_of(config().limit_rules, counts_recipients)) return std::nullopt;
  policy::Facts asked = facts();
  const auto& recipients = transaction_->envelope.recipients;
  asked.recipients = recipients.size() + 1;
  // A look at each domain for each recipient would take the square of their number.
  asked.domains.push_back(domain);
  for (const auto& recipient : recipients) {
    if (ascii::equals_ignoring_case(recipient.forward_path.domain, domain)) {
      asked.domains.push_back(domain);
    }
  }
  const auto allowed = context_.ledger->peek(policy::meters_for(config().limit_rules, asked));
  if (allowed) return std::nullopt;
  count_exceeded(allowed.error(), metrics::Exceeded::kRefused);
  return policy::reply_to_recipient(allowed.error());
}

std::optional<smtp::Reply> Session::charge_limits(std::uint64_t octets) {
  policy::Facts taken = facts();
  const auto& recipients = transaction_->envelope.recipients;
  taken.recipients = recipients.size();
  taken.bytes = octets;
  taken.domains.reserve(recipients.size());
  for (const auto& recipient : recipients) taken.domains.push_back(recipient.forward_path.domain);
  auto charged = context_.ledger->charge(policy::meters_for(config().limit_rules, taken));
  if (!charged) {
    count_exceeded(charged.error(), metrics::Exceeded::kRefused);
    return policy::reply_for(charged.error());
  }
  for (const policy::Exceeded& exceeded : charged->observed) {
    count_exceeded(exceeded, metrics::Exceeded::kObserved);
    context_.logger.write(log::Level::kInfo, "limit_observed",
                          {{"id", transaction_->id.view()},
                           {"user", login_->identity.name()},
                           {"limit", exceeded.limit},
                           {"subject", exceeded.subject},
                           {"would_say", policy::reply_for(exceeded).one_line()}},
                          log::Kind::kTransaction);
  }
  transaction_->reservation = std::move(charged->reservation);
  return std::nullopt;
}

void Session::count_exceeded(const policy::Exceeded& exceeded, metrics::Exceeded as) {
  context_.metrics.for_limit(exceeded.limit).exceeded[as].add();
}

}  // namespace sallyport::submission
