#include "auth/authenticator.h"

#include <algorithm>
#include <utility>

#include "auth/network_path.h"
#include "proxy/base/ascii.h"
#include "proxy/base/base64.h"
#include "proxy/base/crypto/digest.h"
#include "proxy/config/password_hash.h"
#include "proxy/runtime/event.h"

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
      guard_(options.guard),
      users_(std::move(users)) {}

void Authenticator::replace_users(std::shared_ptr<const UserTable> users) {
  // The old table may be the last of its kind and large: it dies outside the lock.
  const std::lock_guard lock(users_mutex_);
  if (users_ == users) return;
  users_.swap(users);
  generation_.fetch_add(1, std::memory_order_release);
}

void Authenticator::replace_sources(std::shared_ptr<const SourceList> sources) {
  const std::lock_guard lock(users_mutex_);
  if (sources_ == sources) return;
  sources_.swap(sources);
  generation_.fetch_add(1, std::memory_order_release);
}

Authenticator::Users Authenticator::users() const {
  const std::lock_guard lock(users_mutex_);
  return {.table = users_,
          .sources = sources_,
          .generation = generation_.load(std::memory_order_relaxed)};
}

Renewal Authenticator::renew(Identity& identity) const {
  if (identity.generation() == generation_.load(std::memory_order_acquire)) return Renewal::kHolds;
  const auto [table, sources, generation] = users();
  if (const Granted& grant = identity.grant()) {
    auto user = sources->holds(*grant) ? table->user_of(*grant) : nullptr;
    if (!user) return Renewal::kRemoved;
    identity = Identity(std::move(user), grant, generation);
    return Renewal::kHolds;
  }
  auto user = table->find(identity.name());
  if (!user) return Renewal::kRemoved;
  if (user->password_hash != identity.user().password_hash) return Renewal::kPasswordChanged;
  identity = Identity(std::move(user), generation);
  return Renewal::kHolds;
}

std::optional<Identity> Authenticator::trusted(const IpAddress& client) const {
  const Users now = users();
  Granted grant = now.sources->trusted(client);
  auto user = grant ? now.table->user_of(*grant) : nullptr;
  if (!user) return std::nullopt;
  return Identity(std::move(user), std::move(grant), now.generation);
}

Verdict Authenticator::admit(Granted grant, const Users& now, bool from_cache) {
  auto user = now.table->user_of(*grant);
  if (!user) {
    return Rejected{.cause = Rejected::Cause::kSource,
                    .name = grant->name,
                    .detail = grant->source + ": the name is that of a user of ours"};
  }
  return Accepted{Identity(std::move(user), std::move(grant), now.generation), from_cache};
}

runtime::Task<Result<bool>> Authenticator::hash_in_vain(runtime::Loop& loop,
                                                        const IpAddress& client,
                                                        const std::string& decoy,
                                                        const CredentialsMac& mac,
                                                        const Secret& password) {
  const HashingQueue::Work work = [&] { return verifier_(decoy, password); };
  const NetworkPath path = path_of(client);
  const Place place{.path = path, .standing = known_.standing(path, loop.now())};
  co_return co_await queue_.run(loop, place, mac, work);
}

runtime::Task<Verdict> Authenticator::ask_sources(runtime::Loop& loop, Question question,
                                                  Users asked) {
  if (Granted known = asked.sources->recall(question, loop.now())) {
    co_return admit(std::move(known), asked, true);
  }
  const TimePoint began = loop.now();
  Answer answer = co_await asked.sources->ask(loop, question);
  if (auto* granted = std::get_if<Granted>(&answer)) {
    const Users now = users();  // they may have been replaced meanwhile
    if (!now.sources->holds(**granted)) {
      co_return Unavailable{.reason = std::string(kJustReloaded)};
    }
    co_return admit(std::move(*granted), now, false);
  }
  if (auto* away = std::get_if<Away>(&answer)) {
    co_return Unavailable{.reason = "the credentials cannot be checked now",
                          .busy = away->busy,
                          .detail = std::move(away->reason)};
  }
  source_rejections_.note(loop.now() - began);
  // As for a wrong password of one of our users. Who shows a token alone names nobody.
  if (!question.is_token && asked.table->size() > 0) {
    const Result<bool> hashed =
        co_await hash_in_vain(loop, question.client, asked.table->decoy_hash(question.name),
                              question.mac, question.secret);
    if (!hashed) {
      const Error& error = hashed.error();
      co_return Unavailable{.reason = error.text, .busy = error.code == ErrorCode::kLimit};
    }
  }
  co_return Rejected{.cause = Rejected::Cause::kSource,
                     .name = std::move(question.name),
                     .detail = std::move(std::get<Refused>(answer).reason)};
}

runtime::Task<Verdict> Authenticator::verify(runtime::Loop& loop, Proof proof,
                                             const IpAddress& client, std::string_view mechanism) {
  std::string name = ascii::lower(claimed_name(proof));
  const NetworkPath path = path_of(client);
  const std::optional<Bar> bar = guard_.bar(name, path, loop.now());
  // Where somebody has logged in before, a wrong login costs as much as a right one all the same:
  // else the time would tell which names are used there.
  if (bar && known_.standing(path, loop.now()) != Standing::kKnown) {
    co_return Barred{.bar = *bar, .name = std::move(name)};
  }
  Wrong wrong;
  Verdict verdict = co_await judge(loop, std::move(proof), client, mechanism, wrong);
  co_return weigh(std::move(verdict), std::move(name), bar, client, wrong, loop.now());
}

Verdict Authenticator::disproved(runtime::Loop& loop, Rejected rejected, const IpAddress& client) {
  std::string name = ascii::lower(rejected.name);
  const std::optional<Bar> bar = guard_.bar(name, path_of(client), loop.now());
  return weigh(std::move(rejected), std::move(name), bar, client, std::nullopt, loop.now());
}

Verdict Authenticator::weigh(Verdict verdict, std::string name, const std::optional<Bar>& bar,
                             const IpAddress& client, const Wrong& wrong, TimePoint now) {
  const NetworkPath path = path_of(client);
  if (std::holds_alternative<Unavailable>(verdict)) return verdict;
  const bool is_right = std::holds_alternative<Accepted>(verdict);
  if (bar && !(is_right && guard_.has_succeeded(name, path, now))) {
    return Barred{.bar = *bar, .name = std::move(name)};
  }
  if (is_right) {
    guard_.succeeded(name, path, now);
    known_.remember(path, now);
  } else {
    std::get<Rejected>(verdict).penalty = guard_.failed(name, path, wrong ? &*wrong : nullptr, now);
  }
  return verdict;
}

runtime::Task<Verdict> Authenticator::judge(runtime::Loop& loop, Proof proof,
                                            const IpAddress& client, std::string_view mechanism,
                                            Wrong& wrong) {
  if (auto* password = std::get_if<Password>(&proof)) {
    co_return co_await verify_password(loop, std::move(*password), client, mechanism, wrong);
  }
  if (auto* token = std::get_if<BearerToken>(&proof)) {
    co_return co_await verify_token(loop, std::move(*token), client, mechanism, wrong);
  }
  co_return verify_proved(std::get<ProvedUser>(std::move(proof)), client);
}

runtime::Task<Verdict> Authenticator::verify_token(runtime::Loop& loop, BearerToken token,
                                                   const IpAddress& client,
                                                   std::string_view mechanism, Wrong& wrong) {
  Users now = users();
  Question question{.name = std::move(token.name),
                    .secret = std::move(token.token),
                    .is_token = true,
                    .mechanism = std::string(mechanism),
                    .client = client};
  question.mac =
      cache_.mac(ascii::lower(question.name), "token from " + client.str(), question.secret);
  wrong = question.mac;
  co_return co_await ask_sources(loop, std::move(question), std::move(now));
}

/// The mechanism has compared; what is left is what else a password needs.
Verdict Authenticator::verify_proved(ProvedUser proved, const IpAddress& client) {
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
  const auto decoy = crypto::hmac_sha256(now.table->scram_decoy_key(), ascii::lower(name));
  const auto keys = crypto::hmac_sha256(now.table->scram_decoy_key(), crypto::as_view(decoy));
  std::string salt;
  while (salt.size() < now.table->scram_salt_size()) salt += crypto::as_view(decoy);
  salt.resize(now.table->scram_salt_size());
  found.keys = {.iterations = now.table->scram_iterations(),
                .salt = base64::encode(salt),
                // Nobody knows of what this is the digest.
                .stored_key = base64::encode(crypto::as_view(keys)),
                .server_key = base64::encode(crypto::as_view(keys))};
  return found;
}

runtime::Task<Verdict> Authenticator::verify_password(runtime::Loop& loop, Password credentials,
                                                      const IpAddress& client,
                                                      std::string_view mechanism, Wrong& wrong) {
  if (!may_act_for(credentials.authzid, credentials.authcid)) {
    co_return Rejected{Rejected::Cause::kForeignAuthzid, std::move(credentials.authcid)};
  }
  Users now = users();
  std::shared_ptr<const config::User> user = now.table->find(credentials.authcid);
  // An unknown user goes the same way to the end: same MAC, same look-up, same hash.
  const std::string name = user ? user->name : ascii::lower(credentials.authcid);
  const std::string hash = user ? user->password_hash : now.table->decoy_hash(name);
  const bool has_sources = !now.sources->empty();
  if (!user && has_sources) {
    Question question{.name = std::move(credentials.authcid),
                      .secret = std::move(credentials.password),
                      .mechanism = std::string(mechanism),
                      .client = client};
    question.mac = cache_.mac(name, "password from " + client.str(), question.secret);
    wrong = question.mac;
    co_return co_await ask_sources(loop, std::move(question), std::move(now));
  }
  const CredentialsMac mac = cache_.mac(name, hash, credentials.password);
  wrong = mac;
  const NetworkPath path = path_of(client);
  if (user && cache_.contains(mac, loop.now())) {
    if (!may_come_from(*user, client)) co_return Rejected{Rejected::Cause::kForeignNetwork, name};
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
  if (!*matches) {
    if (has_sources) {
      runtime::Event never(loop);
      (void)co_await never.wait(loop.after(source_rejections_.sample()));
    }
    co_return Rejected{Rejected::Cause::kWrongPassword, name};
  }

  // Meanwhile the users may have been replaced.
  now = users();
  user = now.table->find(name);
  if (!user) co_return Rejected{Rejected::Cause::kUnknownUser, name};
  if (user->password_hash != hash) {
    co_return Unavailable{.reason = std::string(kJustReloaded)};
  }
  cache_.insert(mac, loop.now());
  if (!may_come_from(*user, client)) co_return Rejected{Rejected::Cause::kForeignNetwork, name};
  co_return Accepted{Identity(std::move(user), now.generation), false};
}

}  // namespace sallyport::auth
