// Are these credentials right? One Authenticator a process; every worker asks it. It knows of no
// protocol: sessions make replies of its verdicts and count them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>

#include "auth/hashing_queue.h"
#include "auth/identity.h"
#include "auth/known_networks.h"
#include "auth/password_hash.h"
#include "auth/proof.h"
#include "auth/scram.h"
#include "auth/user_table.h"
#include "auth/verified_cache.h"
#include "proxy/base/clock.h"
#include "proxy/base/ip_address.h"
#include "proxy/config/config.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/task.h"

namespace sallyport::auth {

/// `235 2.7.0`. The user as the table has it now; a session asks for it again at each message.
struct Accepted {
  Identity identity;
  bool from_cache = false;  ///< No password was hashed. For metrics.
};

/// `535 5.7.8`, the same words whatever the cause.
struct Rejected {
  enum class Cause { kUnknownUser, kWrongPassword, kForeignAuthzid, kForeignNetwork };
  Cause cause = Cause::kWrongPassword;  ///< For our own log only: a client must not learn it.
  std::string name = {};  ///< The user, as configured; as the client said it if there is none.
};

/// `454 4.7.0`: nobody can say now. The reason is our own trouble; it is fit for log and client.
struct Unavailable {
  std::string reason;
  bool busy = false;  ///< Too many passwords are waiting to be checked.
};

using Verdict = std::variant<Accepted, Rejected, Unavailable>;

/// Checks a password against a PHC hash, blocking. `verify_password`, or what a test puts in its
/// place.
using PasswordVerifier =
    std::function<Result<bool>(const std::string& hash, const Secret& password)>;

/// Holds the current users, the queue of hashes to compute and the cache of what was found right.
/// Thread-safe. It must outlive every loop that runs a `verify`.
class Authenticator {
 public:
  struct Options {
    Duration cache_lifetime = std::chrono::minutes(5);  ///< Of verified credentials; 0: no cache.
    std::size_t most_cached = 65536;     ///< Verified credentials, ≈ 100 octets each.
    KnownNetworks::Options known = {};   ///< From where users logged in lately.
    HashingQueue::Options hashing = {};  ///< Say `fit(…)`: the default is one.
    PasswordVerifier verify_password = auth::verify_password;
  };

  Authenticator(Options options, std::shared_ptr<const UserTable> users);

  /// Takes a new table, from any thread. Verifications under way end with the table as it is then;
  /// a user that was removed or has a new hash is not accepted by an old check, nor out of the
  /// cache. The same table again changes nothing.
  void replace_users(std::shared_ptr<const UserTable> users);
  /// Says whether `identity` still holds, and makes its rights those of the table in force. One
  /// atomic load if the users were not replaced since.
  Renewal renew(Identity& identity) const;
  /// A reload may change it, from any thread; it holds for what is already cached, too.
  void set_cache_lifetime(Duration lifetime) { cache_.set_lifetime(lifetime); }

  /// Says whether the proof is right: a token is, of whom nobody here knows, never. A hit in the
  /// cache does not suspend and costs one HMAC. Otherwise one hash is computed on the thread pool
  /// of `loop`, for an unknown user like for a wrong password; the same credentials asked for many
  /// times at once are hashed once.
  ///
  /// An `authzid` other than `authcid`, but for the case of A-Z, is rejected without a look at the
  /// users.
  ///
  /// `client`: where it is; a user whose networks do not have it is rejected once the password was
  /// found right. Networks take turns at the hashes; those from which a login succeeded
  /// lately have turns and places of their own.
  runtime::Task<Verdict> verify(runtime::Loop& loop, Proof proof, const IpAddress& client);

  /// The keys by which this user proves to know the password by SCRAM, or decoys.
  ScramUser find_scram_user(std::string_view name) const;

  /// For a shutdown, from any thread: logins that wait for their turn, now or later, are
  /// unavailable.
  void stop_waiting() { queue_.close(); }

  /// Hashes being computed and waiting: for metrics.
  HashingQueue::Load load() const { return queue_.load(); }

 private:
  /// A table and its number.
  struct Users {
    std::shared_ptr<const UserTable> table;
    std::uint64_t generation = 0;
  };
  Users users() const;
  Verdict verify_proved(runtime::Loop& loop, ProvedUser proved, const IpAddress& client);
  runtime::Task<Verdict> verify_password(runtime::Loop& loop, Password credentials,
                                         const IpAddress& client);

  PasswordVerifier verifier_;
  HashingQueue queue_;
  VerifiedCache cache_;
  KnownNetworks known_;
  mutable std::mutex users_mutex_;
  std::shared_ptr<const UserTable> users_;
  std::atomic<std::uint64_t> generation_ = 1;  // of users_; written under the mutex
};

}  // namespace sallyport::auth
