// Are these credentials right? One Authenticator a process; every worker asks it. It knows of no
// protocol: sessions make replies of its verdicts and count them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "auth/hashing_queue.h"
#include "auth/identity.h"
#include "auth/known_networks.h"
#include "auth/login_guard.h"
#include "auth/password_hash.h"
#include "auth/proof.h"
#include "auth/rejection_pace.h"
#include "auth/sasl.h"
#include "auth/scram.h"
#include "auth/source.h"
#include "auth/source_list.h"
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
  enum class Cause {
    kUnknownUser,
    kWrongPassword,
    kForeignAuthzid,
    kForeignNetwork,
    kSource,  ///< No source lets it in; `detail` has their reasons.
  };
  Cause cause = Cause::kWrongPassword;  ///< For our own log only: a client must not learn it.
  std::string name = {};    ///< The user, as configured; as the client said it if there is none.
  std::string detail = {};  ///< For our own log only.
  Penalty penalty = {};     ///< For this and earlier failures.
};

/// `421 4.7.0`: too many logins were wrong, and neither a right nor a wrong one is told apart now.
struct Barred {
  Bar bar{};
  std::string name = {};  ///< As the client said it. For our own log only.
};

/// `454 4.7.0`: nobody can say now. The reason is our own trouble; it is fit for log and client.
struct Unavailable {
  std::string reason;
  bool busy = false;        ///< Too many passwords are waiting to be checked.
  std::string detail = {};  ///< For our own log only: which source, and why.
};

using Verdict = std::variant<Accepted, Rejected, Unavailable, Barred>;

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
    LoginGuard::Options guard = {};      ///< Against guessing.
    HashingQueue::Options hashing = {};  ///< Say `fit(…)`: the default is one.
    PasswordVerifier verify_password = auth::verify_password;
  };

  Authenticator(Options options, std::shared_ptr<const UserTable> users);

  /// Takes a new table, from any thread. Verifications under way end with the table as it is then;
  /// a user that was removed or has a new hash is not accepted by an old check, nor out of the
  /// cache. The same table again changes nothing.
  void replace_users(std::shared_ptr<const UserTable> users);
  /// Takes other sources, from any thread. Who was let in by one that is no more is logged out.
  void replace_sources(std::shared_ptr<const SourceList> sources);
  /// Who clients of this address are without AUTH, if they are anybody.
  std::optional<Identity> trusted(const IpAddress& client) const;
  /// Says whether `identity` still holds, and makes its rights those of the table in force. One
  /// atomic load if the users were not replaced since.
  Renewal renew(Identity& identity) const;
  /// A reload may change it, from any thread; it holds for what is already cached, too.
  void set_cache_lifetime(Duration lifetime) { cache_.set_lifetime(lifetime); }
  /// The same, for what brakes guessing.
  void set_guard(LoginGuard::Options options) { guard_.set_options(options); }

  /// Says whether the proof is right. A hit in the
  /// cache does not suspend and costs one HMAC. Otherwise one hash is computed on the thread pool
  /// of `loop`, for an unknown user like for a wrong password; the same credentials asked for many
  /// times at once are hashed once.
  ///
  /// A name that is none of our users' is asked for of the sources; who is let in is remembered,
  /// and let in again without a hash or a question. A name of our own users is never asked for
  /// elsewhere: no source speaks for them.
  ///
  /// After too many wrong logins from a network or by a name nobody is let in there but who was
  /// lately, by the same name from the same network; a network that nobody has ever logged in from
  /// is not even asked.
  ///
  /// An `authzid` other than `authcid`, but for the case of A-Z, is rejected without a look at the
  /// users.
  ///
  /// `mechanism`: by what it was shown, for sources that want to know. `client`: where it is; a
  /// user whose networks do not have it is rejected once the password was found right. Networks
  /// take turns at the hashes; those from which a login succeeded lately have turns and places of
  /// their own.
  runtime::Task<Verdict> verify(runtime::Loop& loop, Proof proof, const IpAddress& client,
                                std::string_view mechanism = {});

  /// What comes of a login that the mechanism itself has found wrong: counted as one that `verify`
  /// rejects.
  Verdict disproved(runtime::Loop& loop, Rejected rejected, const IpAddress& client);

  /// The keys by which this user proves to know the password by SCRAM, or decoys.
  ScramUser find_scram_user(std::string_view name) const;

  /// For a shutdown, from any thread: logins that wait for their turn, now or later, are
  /// unavailable.
  void stop_waiting() { queue_.close(); }

  /// Hashes being computed and waiting: for metrics.
  HashingQueue::Load load() const { return queue_.load(); }

 private:
  /// What was wrong, by which it is told from other guesses.
  using Wrong = std::optional<CredentialsMac>;
  /// Judges the proof, whoever shows it. `wrong` becomes the credentials, where there are any.
  runtime::Task<Verdict> judge(runtime::Loop& loop, Proof proof, const IpAddress& client,
                               std::string_view mechanism, Wrong& wrong);
  /// Counts what was wrong or right, and hides it behind `bar` where there is one.
  Verdict weigh(Verdict verdict, std::string name, const std::optional<Bar>& bar,
                const IpAddress& client, const Wrong& wrong, TimePoint now);
  /// A table and its number.
  struct Users {
    std::shared_ptr<const UserTable> table;
    std::shared_ptr<const SourceList> sources;
    std::uint64_t generation = 0;
  };
  Users users() const;
  runtime::Task<Verdict> ask_sources(runtime::Loop& loop, Question question, Users asked);
  /// Lets in whom a source has let in.
  static Verdict admit(Granted grant, const Users& now, bool from_cache);
  /// The hash that a wrong password costs.
  runtime::Task<Result<bool>> hash_in_vain(runtime::Loop& loop, const IpAddress& client,
                                           const std::string& decoy, const CredentialsMac& mac,
                                           const Secret& password);
  runtime::Task<Verdict> verify_token(runtime::Loop& loop, BearerToken token,
                                      const IpAddress& client, std::string_view mechanism,
                                      Wrong& wrong);
  Verdict verify_proved(ProvedUser proved, const IpAddress& client);
  runtime::Task<Verdict> verify_password(runtime::Loop& loop, Password credentials,
                                         const IpAddress& client, std::string_view mechanism,
                                         Wrong& wrong);

  PasswordVerifier verifier_;
  HashingQueue queue_;
  VerifiedCache cache_;
  KnownNetworks known_;
  LoginGuard guard_;
  mutable std::mutex users_mutex_;
  std::shared_ptr<const UserTable> users_;
  std::shared_ptr<const SourceList> sources_ = std::make_shared<const SourceList>();
  RejectionPace source_rejections_;
  std::atomic<std::uint64_t> generation_ = 1;  // of both; written under the mutex
};

}  // namespace sallyport::auth
