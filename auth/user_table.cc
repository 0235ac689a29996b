#include "auth/user_table.h"

#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "auth/password_hash.h"

namespace sallyport::auth {

Result<std::shared_ptr<const UserTable>> UserTable::build(std::vector<config::User> users) {
  std::shared_ptr<UserTable> table(new UserTable);
  table->users_.reserve(users.size());
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::size_t> costs;
  for (config::User& user : users) {
    const Result<HashCost> cost = config::parse_password_hash(user.password_hash);
    if (!cost) {
      return fail(cost.error().code, "user '" + user.name + "': password: " + cost.error().text);
    }
    ++costs[{cost->memory_kib, cost->passes, cost->lanes}];
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
  HashCost most_common = kDefaultHashCost;
  std::size_t most = 0;
  for (const auto& [cost, count] : costs) {
    if (count <= most) continue;
    std::tie(most_common.memory_kib, most_common.passes, most_common.lanes) = cost;
    most = count;
  }
  table->decoy_hash_ = auth::decoy_hash(most_common);
  return table;
}

std::shared_ptr<const config::User> UserTable::find(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

}  // namespace sallyport::auth
