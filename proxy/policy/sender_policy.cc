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

smtp::Reply refusal(const config::User& user, std::string_view address) {
  return {550,
          {5, 7, 1},
          fmt::format("user {} may not send as {}: the address of MAIL FROM must be one of the "
                      "user's own",
                      user.name, address)};
}

}  // namespace

std::optional<smtp::Reply> check_reverse_path(const config::User& user,
                                              const smtp::ReversePath& reverse_path) {
  if (const auto& mailbox = reverse_path.mailbox) {
    if (may_use(user, mailbox->local, mailbox->domain)) return std::nullopt;
    return refusal(user, mailbox->str());
  }
  if (may_use(user, {}, {})) return std::nullopt;
  return refusal(user, "<>");
}

std::optional<smtp::Reply> check_author(const config::User& user, std::string_view field,
                                        std::span<const smtp::Mailbox> addresses) {
  for (const smtp::Mailbox& address : addresses) {
    if (may_use(user, address.local, address.domain)) continue;
    return smtp::Reply(
        550, {5, 7, 1},
        fmt::format("user {} may not send as {}: each address in \"{}\" must be one of the user's "
                    "own",
                    user.name, address.str(), field));
  }
  return std::nullopt;
}

smtp::Reply refuse_unknown_author(const config::User& user, std::string_view reason) {
  return {550, {5, 7, 1}, fmt::format("user {} may not send this message: {}", user.name, reason)};
}

}  // namespace sallyport::policy
