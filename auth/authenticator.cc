#include "auth/authenticator.h"

#include <algorithm>
#include <utility>

#include "auth/network_path.h"
#include "proxy/base/ascii.h"
#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/config/password_hash.h"

namespace sallyport::auth {

namespace {

/// Does the user's password file let it log in from there?
bool may_come_from(const config::User& user, const IpAddress& client) {
  return user.networks.empty() || std::ranges::any_of(user.networks, [&](const IpNetwork& network) {
           return network.contains(client);
         });
}

/// RFC 4616 section 2: whom one may act for is our policy. One may act for oneself only.
bool may_act_for(std::string_view authzid, std::string_view authcid) {
  return authzid.empty() || ascii::equals_ignoring_case(authzid, authcid);
}

constexpr std::string_view kJustReloaded = "the users have just been reloaded";

}  // namespace

Authenticator::Authenticator(Options options, std::shared_ptr<const UserTable> users)
    : verifier_(std::move(options.verify_password)),
      queue_(std::move(options.hashing)),
      cache_(options.most_cached, options.cache_lifetime),
      known_(options.known),
      users_(std::move(users)) {}

void Authenticator::replace_users(std::shared_ptr<const UserTable> users) {
  // The old table may be the last of its kind and large: it dies outside the lock.
  const std::lock_guard lock(users_mutex_);
  if (users_ == users) return;
  users_.swap(users);
  generation_.fetch_add(1, std::memory_order_release);
}

Authenticator::Users Authenticator::users() const {
  const std::lock_guard lock(users_mutex_);
  return {.table = users_, .generation = generation_.load(std::memory_order_relaxed)};
}

Renewal Authenticator::renew(Identity& identity) const {
  if (identity.generation() == generation_.load(std::memory_order_acquire)) return Renewal::kHolds;
  const auto [table, generation] = users();
  auto user = table->find(identity.name());
  if (!user) return Renewal::kRemoved;
  if (user->password_hash != identity.user().password_hash) return Renewal::kPasswordChanged;
  identity = Identity(std::move(user), generation);
  return Renewal::kHolds;
}

runtime::Task<Verdict> Authenticator::verify(runtime::Loop& loop, Proof proof,
                                             const IpAddress& client) {
  if (auto* password = std::get_if<Password>(&proof)) {
    co_return co_await verify_password(loop, std::move(*password), client);
  }
  if (auto* proved = std::get_if<ProvedUser>(&proof)) {
    co_return verify_proved(loop, std::move(*proved), client);
  }
  co_return Rejected{Rejected::Cause::kWrongPassword, std::string(claimed_name(proof))};
}

/// The mechanism has compared; what is left is what else a password needs.
Verdict Authenticator::verify_proved(runtime::Loop& loop, ProvedUser proved,
                                     const IpAddress& client) {
  if (!may_act_for(proved.authzid, proved.name)) {
    return Rejected{Rejected::Cause::kForeignAuthzid, std::move(proved.name)};
  }
  Users now = users();
  std::shared_ptr<const config::User> user = now.table->find(proved.name);
  if (!user) return Rejected{Rejected::Cause::kUnknownUser, std::move(proved.name)};
  if (user->password_hash != proved.password_hash) {
    return Unavailable{.reason = std::string(kJustReloaded)};
  }
  if (!may_come_from(*user, client)) {
    return Rejected{Rejected::Cause::kForeignNetwork, std::move(proved.name)};
  }
  known_.remember(path_of(client), loop.now());
  return Accepted{Identity(std::move(user), now.generation), false};
}

ScramUser Authenticator::find_scram_user(std::string_view name) const {
  const Users now = users();
  const std::shared_ptr<const config::User> user = now.table->find(name);
  ScramUser found{.keys = {}, .name = user ? user->name : std::string(name), .password_hash = {}};
  if (user) found.password_hash = user->password_hash;
  const auto hash = config::parse_password_hash(found.password_hash);
  if (hash && hash->scheme == config::PasswordScheme::kScramSha256) {
    const config::ScramVerifier verifier = config::read_scram_verifier(hash->text);
    found.keys = {.iterations = verifier.iterations,
                  .salt = std::string(verifier.salt),
                  .stored_key = std::string(verifier.stored_key),
                  .server_key = std::string(verifier.server_key)};
    return found;
  }
  constexpr std::size_t kSaltSize = 16;
  const auto decoy = crypto::hmac_sha256(now.table->scram_decoy_key(), ascii::lower(name));
  found.keys = {.iterations = now.table->scram_iterations(),
                .salt = base64::encode(crypto::as_view(decoy).substr(0, kSaltSize)),
                // Nobody knows of what this is the digest.
                .stored_key = base64::encode(crypto::as_view(decoy)),
                .server_key = base64::encode(crypto::as_view(decoy))};
  return found;
}

runtime::Task<Verdict> Authenticator::verify_password(runtime::Loop& loop, Password credentials,
                                                      const IpAddress& client) {
  if (!may_act_for(credentials.authzid, credentials.authcid)) {
    co_return Rejected{Rejected::Cause::kForeignAuthzid, std::move(credentials.authcid)};
  }
  Users now = users();
  std::shared_ptr<const config::User> user = now.table->find(credentials.authcid);
  // An unknown user goes the same way to the end: same MAC, same look-up, same hash.
  const std::string name = user ? user->name : ascii::lower(credentials.authcid);
  const std::string hash = user ? user->password_hash : now.table->decoy_hash();
  const CredentialsMac mac = cache_.mac(name, hash, credentials.password);
  const NetworkPath path = path_of(client);
  if (user && cache_.contains(mac, loop.now())) {
    if (!may_come_from(*user, client)) co_return Rejected{Rejected::Cause::kForeignNetwork, name};
    known_.remember(path, loop.now());
    co_return Accepted{Identity(std::move(user), now.generation), true};
  }

  const HashingQueue::Work work = [&] { return verifier_(hash, credentials.password); };
  const Place place{.path = path, .standing = known_.standing(path, loop.now())};
  const Result<bool> matches = co_await queue_.run(loop, place, mac, work);
  if (!matches) {
    const Error& error = matches.error();
    co_return Unavailable{.reason = error.text, .busy = error.code == ErrorCode::kLimit};
  }
  if (!user) {
    co_return Rejected{Rejected::Cause::kUnknownUser, std::move(credentials.authcid)};
  }
  if (!*matches) co_return Rejected{Rejected::Cause::kWrongPassword, name};

  // Meanwhile the users may have been replaced.
  now = users();
  user = now.table->find(name);
  if (!user) co_return Rejected{Rejected::Cause::kUnknownUser, name};
  if (user->password_hash != hash) {
    co_return Unavailable{.reason = std::string(kJustReloaded)};
  }
  cache_.insert(mac, loop.now());
  if (!may_come_from(*user, client)) co_return Rejected{Rejected::Cause::kForeignNetwork, name};
  known_.remember(path, loop.now());
  co_return Accepted{Identity(std::move(user), now.generation), false};
}

}  // namespace sallyport::auth
