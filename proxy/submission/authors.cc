#include "proxy/submission/authors.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/message/author_field.h"
#include "proxy/policy/sender_policy.h"

namespace sallyport::submission {
namespace {

using message::Author;

constexpr std::array<std::pair<Author, std::string_view>, 4> kAuthors = {
    {{Author::kFrom, "From"},
     {Author::kSender, "Sender"},
     {Author::kResentFrom, "Resent-From"},
     {Author::kResentSender, "Resent-Sender"}}};

std::optional<smtp::Reply> judge_field(const config::User& user, std::string_view name,
                                       std::string_view value) {
  const std::string field = fmt::format("{}: {}", name, message::quotable(value));
  const auto addresses = message::claimed_addresses(value);
  if (addresses) return policy::check_author(user, field, *addresses);
  // A field that we cannot read is one that others may read in another way.
  return policy::refuse_unknown_author(user,
                                       fmt::format("\"{}\" {}", field, addresses.error().text));
}

}  // namespace

std::optional<smtp::Reply> check_authors(const config::User& user,
                                         const message::HeaderFilter& header) {
  if (user.senders.empty()) return std::nullopt;
  if (!header.has(Author::kFrom)) {
    return policy::refuse_unknown_author(user, "it has no From: field");
  }
  for (const auto& [author, name] : kAuthors) {
    const auto fields = header.fields(author);
    if (!fields) return policy::refuse_unknown_author(user, fields.error().text);
    for (const std::string_view value : *fields) {
      if (auto refusal = judge_field(user, name, value)) return refusal;
    }
  }
  return std::nullopt;
}

}  // namespace sallyport::submission
