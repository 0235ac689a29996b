#include "auth/authenticator.h"

#include <utility>

namespace sallyport::auth {

Authenticator::Authenticator(Options options, std::shared_ptr<const UserTable> users)
    : verify_password_(std::move(options.verify_password)),
      queue_(options.hashing),
      cache_(options.most_cached, options.cache_lifetime),
      users_(std::move(users)) {}

void Authenticator::replace_users(std::shared_ptr<const UserTable> users) {
  // The old table may be the last of its kind and large: it dies outside the lock.
  const std::lock_guard lock(users_mutex_);
  users_.swap(users);
}

std::shared_ptr<const UserTable> Authenticator::users() const {
  const std::lock_guard lock(users_mutex_);
  return users_;
}

runtime::Task<Verdict> Authenticator::verify(runtime::Loop& loop, Credentials credentials,
                                             std::uint64_t network) {
  // RFC 4616 section 2: whom one may act for is our policy, and it is: nobody but oneself.
  if (!credentials.authzid.empty() && credentials.authzid != credentials.authcid) {
    co_return Rejected{Rejected::Cause::kForeignAuthzid};
  }
  std::shared_ptr<const UserTable> table = users();
  std::shared_ptr<const config::User> user = table->find(credentials.authcid);
  // An unknown user goes the same way to the end: same MAC, same look-up, same hash.
  const std::string hash = user ? user->password_hash : table->decoy_hash();
  const CredentialsMac mac = cache_.mac(credentials.authcid, hash, credentials.password);
  if (user && cache_.contains(mac, loop.now())) co_return Accepted{std::move(user), true};

  const std::function<Result<bool>()> work = [&] {
    return verify_password_(hash, credentials.password);
  };
  const Result<bool> matches = co_await queue_.run(loop, network, mac, work);
  if (!matches) {
    const Error& error = matches.error();
    co_return Unavailable{.reason = error.text, .busy = error.code == ErrorCode::kLimit};
  }
  if (!user) co_return Rejected{Rejected::Cause::kUnknownUser};
  if (!*matches) co_return Rejected{Rejected::Cause::kWrongPassword};

  // Meanwhile the users may have been replaced.
  user = users()->find(credentials.authcid);
  if (!user) co_return Rejected{Rejected::Cause::kUnknownUser};
  if (user->password_hash != hash)
    co_return Unavailable{.reason = "the users have just been reloaded"};
  cache_.insert(mac, loop.now());
  co_return Accepted{std::move(user), false};
}

}  // namespace sallyport::auth
