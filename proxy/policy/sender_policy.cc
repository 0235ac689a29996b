#include "proxy/policy/sender_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace sallyport::policy {
namespace {

bool may_use(const config::User& user, std::string_view local, std::string_view domain) {
  return user.senders.empty() ||
         std::ranges::any_of(user.senders, [&](const config::AddressPattern& pattern) {
           return pattern.matches(local, domain);
         });
}

smtp::Reply refusal(const config::User& user, std::string_view address, std::string_view where) {
  return {550,
          {5, 7, 1},
          fmt::format("user {} may not send as {}: the {} must be one of the user's own", user.name,
                      address, where)};
}

constexpr std::string_view kOfEnvelope = "address of MAIL FROM";

}  // namespace

std::optional<smtp::Reply> check_reverse_path(const config::User& user,
                                              const smtp::ReversePath& reverse_path) {
  if (const auto& mailbox = reverse_path.mailbox) {
    if (may_use(user, mailbox->local, mailbox->domain)) return std::nullopt;
    return refusal(user, mailbox->str(), kOfEnvelope);
  }
  if (may_use(user, {}, {})) return std::nullopt;
  return refusal(user, "<>", kOfEnvelope);
}

std::optional<smtp::Reply> check_author(const config::User& user, std::string_view field,
                                        std::span<const smtp::Mailbox> mailboxes) {
  if (user.senders.empty()) return std::nullopt;
  if (mailboxes.empty()) {
    return smtp::Reply(550, {5, 7, 1},
                       fmt::format("user {} may not send this message: its {}: field is missing "
                                   "or cannot be read",
                                   user.name, field));
  }
  for (const smtp::Mailbox& mailbox : mailboxes) {
    if (may_use(user, mailbox.local, mailbox.domain)) continue;
    return refusal(user, mailbox.str(), fmt::format("address of the {}: field", field));
  }
  return std::nullopt;
}

}  // namespace sallyport::policy
