#include "proxy/submission/authors.h"

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "proxy/policy/sender_policy.h"

namespace sallyport::submission {
namespace {

using message::Author;

constexpr std::array<std::pair<Author, std::string_view>, 4> kAuthors = {
    {{Author::kFrom, "From"},
     {Author::kSender, "Sender"},
     {Author::kResentFrom, "Resent-From"},
     {Author::kResentSender, "Resent-Sender"}}};

}  // namespace

std::optional<smtp::Reply> judge_authors(const config::User& user,
                                         const message::HeaderFilter& header) {
  if (user.senders.empty()) return std::nullopt;
  for (const auto& [author, name] : kAuthors) {
    if (author != Author::kFrom && !header.has(author)) continue;
    // A field that we cannot read is one that others may read in another way.
    const auto read = header.mailboxes(author);
    const std::span<const smtp::Mailbox> mailboxes =
        read ? std::span(*read) : std::span<const smtp::Mailbox>();
    if (auto refusal = policy::check_author(user, name, mailboxes)) return refusal;
  }
  return std::nullopt;
}

}  // namespace sallyport::submission
