#include "auth/user_table.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "auth/password_hash.h"
#include "proxy/base/crypto/digest.h"

namespace sallyport::auth {

Result<std::shared_ptr<const UserTable>> UserTable::build(std::vector<config::User> users) {
  std::shared_ptr<UserTable> table(new UserTable);
  table->users_.reserve(users.size());
  // By scheme and cost: how many, and one of them.
  std::map<std::pair<config::PasswordScheme, std::string>,
           std::pair<std::size_t, config::PasswordHash>>
      costs;
  for (config::User& user : users) {
    Result<config::PasswordHash> hash = config::parse_password_hash(user.password_hash);
    if (!hash) {
      return fail(hash.error().code, "user '" + user.name + "': password: " + hash.error().text);
    }
    if (hash->scheme == config::PasswordScheme::kScramSha256) {
      table->scram_iterations_ = config::read_scram_verifier(hash->text).iterations;
      table->scram_decoy_key_ =
          crypto::as_view(crypto::hmac_sha256(table->scram_decoy_key_, hash->text));
    }
    auto& [count, like] = costs[{hash->scheme, hash->text.substr(0, hash->cost_size)}];
    if (count++ == 0) like = std::move(*hash);
    const auto kept = std::make_shared<const config::User>(std::move(user));
    if (kept->name.empty()) return fail(ErrorCode::kInvalid, "a user has an empty name");
    if (const auto [other, is_new] = table->users_.emplace(kept->name, kept); !is_new) {
      return fail(ErrorCode::kInvalid,
                  "user '" + kept->name + "' is there twice" +
                      (other->first == kept->name ? std::string()
                                                  : ", as '" + std::string(other->first) +
                                                        "', too: names are compared without "
                                                        "regard to case"));
    }
  }
  const auto most_common =
      std::ranges::max_element(costs, {}, [](const auto& entry) { return entry.second.first; });
  table->decoy_hash_ = most_common == costs.end() ? auth::decoy_hash(kDefaultHashCost)
                                                  : auth::decoy_hash(most_common->second.second);
  return table;
}

std::shared_ptr<const config::User> UserTable::find(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

}  // namespace sallyport::auth
