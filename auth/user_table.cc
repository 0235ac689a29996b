#include "auth/user_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "auth/password_hash.h"
#include "proxy/base/ascii.h"
#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/config/rights.h"

namespace sallyport::auth {

Result<std::shared_ptr<const UserTable>> UserTable::build(std::vector<config::User> users,
                                                          Rights rights) {
  std::shared_ptr<UserTable> table(new UserTable);
  table->rights_ = std::move(rights);
  table->users_.reserve(users.size());
  // By scheme and cost: how many, and one of them.
  std::map<std::pair<config::PasswordScheme, std::string>,
           std::pair<std::size_t, config::PasswordHash>>
      costs;
  std::map<std::string, std::string> verifiers;  // of SCRAM, by name
  for (config::User& user : users) {
    Result<config::PasswordHash> hash = config::parse_password_hash(user.password_hash);
    if (!hash) {
      return fail(hash.error().code, "user '" + user.name + "': password: " + hash.error().text);
    }
    if (hash->scheme == config::PasswordScheme::kScramSha256) {
      verifiers.emplace(ascii::lower(user.name), hash->text);
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
  table->make_scram_decoys(verifiers);
  std::size_t users_up_to = 0;
  table->decoys_.reserve(std::max<std::size_t>(costs.size(), 1));
  for (const auto& [cost, users_with_it] : costs) {
    users_up_to += users_with_it.first;
    table->decoys_.push_back(
        {.users_up_to = users_up_to, .hash = auth::decoy_hash(users_with_it.second)});
  }
  if (costs.empty()) {
    table->decoys_.push_back({.users_up_to = 1, .hash = auth::decoy_hash(kDefaultHashCost)});
  }
  return table;
}

const std::string& UserTable::decoy_hash(std::string_view name) const {
  if (decoys_.size() == 1) return decoys_.front().hash;
  // Of this process: over a reload that changes few hashes a name keeps what it had.
  static const std::array<char, 32> key = [] {
    std::array<std::uint8_t, 32> octets{};
    crypto::random_bytes(octets);
    return std::bit_cast<std::array<char, 32>>(octets);
  }();
  const auto digest =
      crypto::hmac_sha256(std::string_view(key.data(), key.size()), ascii::lower(name));
  std::uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  // A part of the whole and no remainder: one user more or less moves hardly anybody.
  const double part = static_cast<double>(number >> 11U) * 0x1p-53;
  const double place = part * static_cast<double>(decoys_.back().users_up_to);
  return std::ranges::upper_bound(
             decoys_, place, {},
             [](const Decoy& decoy) { return static_cast<double>(decoy.users_up_to); })
      ->hash;
}

void UserTable::make_scram_decoys(const std::map<std::string, std::string>& verifiers) {
  if (verifiers.empty()) return;
  // Of one user alone: others may come and go without a change of anybody's salt.
  scram_decoy_key_ = crypto::as_view(crypto::sha256(verifiers.begin()->second));
  std::map<std::pair<std::uint32_t, std::size_t>, std::size_t> forms;
  for (const auto& [name, text] : verifiers) {
    const config::ScramVerifier verifier = config::read_scram_verifier(text);
    const std::size_t salt = base64::decode(verifier.salt).value_or("").size();
    ++forms[{verifier.iterations, salt}];
  }
  std::tie(scram_iterations_, scram_salt_size_) =
      std::ranges::max_element(forms, {}, [](const auto& form) { return form.second; })->first;
}

std::shared_ptr<const config::User> UserTable::find(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

std::shared_ptr<const config::User> UserTable::user_of(const Grant& grant) const {
  if (users_.contains(grant.name)) return nullptr;
  config::User user{.name = grant.name,
                    .password_hash = {},
                    .senders = grant.senders,
                    .limits = {},
                    .groups = grant.groups,
                    .labels = grant.labels};
  const bool has_rule =
      config::give_rights(rights_.rules, rights_.group_rules, rights_.limits, user);
  // Whoever comes from elsewhere may send as somebody only where that is written.
  if (!has_rule && user.senders.empty()) user.senders = {config::AddressPattern::none()};
  const auto prefer = [](auto& limit, const auto& said) {
    if (said) limit = said;
  };
  prefer(user.limits.messages, grant.limits.messages);
  prefer(user.limits.recipients, grant.limits.recipients);
  prefer(user.limits.bytes, grant.limits.bytes);
  prefer(user.limits.connections, grant.limits.connections);
  return std::make_shared<const config::User>(std::move(user));
}

}  // namespace sallyport::auth
