#include "auth/authenticator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <vector>

#include "proxy/runtime/event.h"
#include "proxy/runtime/loop_thread.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::auth {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;

/// Stands for argon2: knows which password belongs to which hash, and counts how often it was
/// asked. What takes time in the real one is exactly what is counted here.
class FakeHasher {
 public:
  /// A hash of the form that tables accept.
  std::string hash_of(std::string password) {
    std::string hash = decoy_hash(kDefaultHashCost);
    passwords_[hash] = std::move(password);
    return hash;
  }
  PasswordVerifier verifier() {
    return [this](const std::string& hash, const Secret& password) -> Result<bool> {
      ++calls;
      if (before_answer) before_answer();
      if (out_of_memory) return fail(ErrorCode::kSystem, "argon2: out of memory");
      const auto known = passwords_.find(hash);
      return known != passwords_.end() && known->second == password.reveal();
    };
  }

  std::atomic<int> calls = 0;
  bool out_of_memory = false;
  std::function<void()> before_answer;  ///< Called on the thread pool.

 private:
  std::map<std::string, std::string> passwords_;
};

const IpAddress kClient = IpAddress::v4({192, 0, 2, 1});

config::User user(std::string name, std::string password_hash) {
  config::User made;
  made.name = std::move(name);
  made.password_hash = std::move(password_hash);
  return made;
}

std::shared_ptr<const UserTable> table(std::vector<config::User> users) {
  return UserTable::build(std::move(users)).value();
}

std::string told(const Verdict& verdict) {
  if (const auto* accepted = std::get_if<Accepted>(&verdict)) {
    return accepted->identity.name() + (accepted->from_cache ? " from cache" : "");
  }
  if (const auto* unavailable = std::get_if<Unavailable>(&verdict)) return unavailable->reason;
  if (std::holds_alternative<Barred>(verdict)) return "barred";
  switch (std::get<Rejected>(verdict).cause) {
    case Rejected::Cause::kUnknownUser:
      return "unknown user";
    case Rejected::Cause::kWrongPassword:
      return "wrong password";
    case Rejected::Cause::kForeignAuthzid:
      return "foreign authzid";
    case Rejected::Cause::kForeignNetwork:
      return "foreign network";
    case Rejected::Cause::kSource:
      return "no source: " + std::get<Rejected>(verdict).detail;
  }
  return "";
}

class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest()
      : users_(table(
            {user("billing", hasher_.hash_of("right")), user("shop", hasher_.hash_of("other"))})),
        authenticator_({.verify_password = hasher_.verifier()}, users_) {}

  std::string verify(std::string authcid, std::string_view password, std::string authzid = "") {
    return told(loop_.run(authenticator_.verify(
        loop_, Password{std::move(authzid), std::move(authcid), Secret(password)}, kClient)));
  }
  /// Lets virtual time pass.
  void pass(Duration span) {
    const auto sleep = [](Loop& loop, Duration s) -> Task<void> {
      runtime::Event never(loop);
      (void)co_await never.wait(loop.after(s));
    };
    loop_.run(sleep(loop_, span));
  }

  Loop loop_{runtime::Time::kVirtual};
  FakeHasher hasher_;
  std::shared_ptr<const UserTable> users_;
  Authenticator authenticator_;
};

TEST_F(AuthenticatorTest, AcceptsTheRightPasswordOnly) {
  EXPECT_EQ(verify("billing", "right"), "billing");
  EXPECT_EQ(verify("shop", "other"), "shop");
  EXPECT_EQ(verify("billing", "other"), "wrong password");
  EXPECT_EQ(verify("nobody", "right"), "unknown user");
}

TEST_F(AuthenticatorTest, KeepsNoTokens) {
  const auto verdict = loop_.run(
      authenticator_.verify(loop_, BearerToken{.name = "billing", .token = Secret("t")}, kClient));
  EXPECT_EQ(told(verdict), "no source: no source takes it");
}

TEST_F(AuthenticatorTest, WhomScramHasProvedIsLookedAtAsWhoSaidAPassword) {
  const std::string verifier = *make_scram_verifier(Secret("right"), 4096);
  config::User far = user("far", verifier);
  far.networks = {IpNetwork::parse("198.51.100.0/24").value()};
  authenticator_.replace_users(table({user("billing", verifier), far}));
  const auto proved = [&](std::string name, std::string authzid = "", std::string hash = "") {
    if (hash.empty()) hash = verifier;
    return told(loop_.run(authenticator_.verify(
        loop_, ProvedUser{std::move(authzid), std::move(name), std::move(hash)}, kClient)));
  };
  EXPECT_EQ(proved("billing"), "billing");
  EXPECT_EQ(proved("billing", "BILLING"), "billing");
  EXPECT_EQ(proved("billing", "shop"), "foreign authzid");
  EXPECT_EQ(proved("gone"), "unknown user");
  EXPECT_EQ(proved("far"), "foreign network");
  EXPECT_EQ(proved("billing", "", "another"), "the users have just been reloaded");
}

TEST_F(AuthenticatorTest, SaltsOfOthersStayWhenAUserComesOrGoes) {
  const std::string first = *make_scram_verifier(Secret("right"), 4096);
  const std::string second = *make_scram_verifier(Secret("other"), 4096);
  authenticator_.replace_users(table({user("a", first)}));
  const std::string salt = authenticator_.find_scram_user("nobody").keys.salt;
  authenticator_.replace_users(table({user("a", first), user("b", second)}));
  EXPECT_EQ(authenticator_.find_scram_user("nobody").keys.salt, salt);
}

TEST_F(AuthenticatorTest, AVerifierTakesTheSamePasswordsByPlain) {
  // U+00AA is "a" to SASLprep (RFC 4013 section 3).
  const std::string verifier = *make_scram_verifier(Secret("p\xc2\xaass"), 4096);
  for (const char* password : {"p\xc2\xaass", "pass"}) {
    EXPECT_TRUE(auth::verify_password(verifier, Secret(password)).value()) << password;
  }
  EXPECT_FALSE(auth::verify_password(verifier, Secret("paSs")).value());
}

TEST_F(AuthenticatorTest, WhoHasNoScramVerifierLooksLikeWhoHas) {
  const std::string verifier = *make_scram_verifier(Secret("right"), 5000);
  const auto users = table({user("billing", verifier), user("hashed", hasher_.hash_of("x"))});
  authenticator_.replace_users(users);
  const ScramUser real = authenticator_.find_scram_user("Billing");
  EXPECT_EQ(real.name, "billing");
  EXPECT_EQ(real.password_hash, verifier);
  for (const char* name : {"nobody", "hashed"}) {
    const ScramUser decoy = authenticator_.find_scram_user(name);
    EXPECT_EQ(decoy.keys.iterations, 5000u);
    EXPECT_EQ(decoy.keys.salt.size(), real.keys.salt.size());
    EXPECT_EQ(decoy.keys.stored_key.size(), real.keys.stored_key.size());
    // Asked again, in whatever case, by a process that was started anew.
    Authenticator again({.verify_password = hasher_.verifier()}, users);
    EXPECT_EQ(again.find_scram_user(ascii::to_upper(name[0]) + std::string(name + 1)).keys.salt,
              decoy.keys.salt);
  }
  EXPECT_NE(authenticator_.find_scram_user("nobody").keys.salt,
            authenticator_.find_scram_user("hashed").keys.salt);
}

TEST_F(AuthenticatorTest, AUserMayBeHeldToNetworks) {
  config::User inside = user("inside", hasher_.hash_of("right"));
  inside.networks = {IpNetwork::parse(kClient.str()).value()};
  config::User outside = user("outside", hasher_.hash_of("right"));
  outside.networks = {IpNetwork::parse("198.51.100.0/24").value()};
  authenticator_.replace_users(table({inside, outside}));
  EXPECT_EQ(verify("inside", "right"), "inside");
  // Not before the password was found right, and out of the cache no less.
  EXPECT_EQ(verify("outside", "wrong"), "wrong password");
  EXPECT_EQ(verify("outside", "right"), "foreign network");
  EXPECT_EQ(verify("outside", "right"), "foreign network");
  EXPECT_EQ(hasher_.calls, 3);
}

// Half of the users have dear hashes. Among names that nobody has, as many take as long: neither
// one answer's time nor that of many tells who is a user.
TEST(AuthenticatorTimes, OfUnknownNamesAreThoseOfUsers) {
  constexpr int kNames = 1000;
  const std::string dear = decoy_hash({.memory_kib = 64, .passes = 2, .lanes = 1});
  const std::string cheap = decoy_hash({.memory_kib = 32, .passes = 1, .lanes = 1});
  std::vector<config::User> users;
  users.reserve(kNames);
  for (int i = 0; i < kNames; ++i) {
    users.push_back(user("user" + std::to_string(i), i % 2 == 0 ? dear : cheap));
  }
  Loop loop(runtime::Time::kVirtual);
  Duration cost{};
  Authenticator::Options options;
  options.guard = {.network_failures = 0, .account_failures = 0};
  options.verify_password = [&](const std::string& hash, const Secret&) -> Result<bool> {
    cost = config::parse_argon2id(hash).value().memory_kib == 64 ? 50ms : 10ms;
    return false;
  };
  options.hashing.runner = [&](Loop& on, const HashingQueue::Work& work) -> Task<Result<bool>> {
    Result<bool> answer = work();
    runtime::Event never(on);
    (void)co_await never.wait(on.after(cost));
    co_return answer;
  };
  Authenticator authenticator(options, table(std::move(users)));
  const auto long_answers = [&](const std::string& prefix) {
    int count = 0;
    for (int i = 0; i < kNames; ++i) {
      const TimePoint began = loop.now();
      (void)loop.run(authenticator.verify(
          loop, Password{"", prefix + std::to_string(i), Secret("wrong")}, kClient));
      const Duration took = loop.now() - began;
      EXPECT_TRUE(took == 10ms || took == 50ms);
      if (took == 50ms) ++count;
    }
    return count;
  };
  EXPECT_EQ(long_answers("user"), kNames / 2);
  // The deviation is 16.
  EXPECT_NEAR(long_answers("nobody"), kNames / 2, 100);
}

/// As AuthenticatorTest, with clients in several places and few failures to bar them.
class GuardedAuthenticatorTest : public AuthenticatorTest {
 protected:
  GuardedAuthenticatorTest() {
    authenticator_.set_guard({.network_failures = 4, .account_failures = 8, .block = 10min});
  }
  std::string verify_from(const char* address, std::string authcid, std::string_view password) {
    return told(loop_.run(authenticator_.verify(
        loop_, Password{.authzid = {}, .authcid = std::move(authcid), .password = Secret(password)},
        IpAddress::parse(address).value())));
  }
  void guess_from(const char* address, int times) {
    for (int i = 0; i < times; ++i) {
      (void)verify_from(address, "nobody" + std::to_string(i), std::to_string(i));
    }
  }
};

TEST_F(GuardedAuthenticatorTest, ANetworkOfStrangersIsBarredWithoutAHash) {
  guess_from("198.51.100.1", 4);
  const int calls = hasher_.calls;
  EXPECT_EQ(verify_from("198.51.100.1", "billing", "right"), "barred");
  EXPECT_EQ(verify_from("198.51.100.1", "billing", "wrong"), "barred");
  EXPECT_EQ(hasher_.calls, calls);
  EXPECT_EQ(verify_from("198.51.100.2", "billing", "right"), "billing") << "its neighbour is not";
  pass(10min);
  EXPECT_EQ(verify_from("198.51.100.1", "billing", "right"), "billing");
}

// A cluster behind one address: one application guesses, the others go on.
TEST_F(GuardedAuthenticatorTest, WhoLoggedInFromThereIsLetIn) {
  EXPECT_EQ(verify_from("198.51.100.1", "billing", "right"), "billing");
  guess_from("198.51.100.1", 4);
  EXPECT_EQ(verify_from("198.51.100.1", "billing", "right"), "billing from cache");
  pass(6min);  // the cache forgets
  EXPECT_EQ(verify_from("198.51.100.1", "billing", "right"), "billing");
  EXPECT_EQ(verify_from("198.51.100.1", "shop", "other"), "barred") << "it never did";
}

// Else the words or the time would tell which names are used there.
TEST_F(GuardedAuthenticatorTest, WhereSomebodyLoggedInAWrongLoginLooksTheSameForAnybody) {
  EXPECT_EQ(verify_from("198.51.100.1", "billing", "right"), "billing");
  guess_from("198.51.100.1", 4);
  for (const char* name : {"billing", "shop", "nobody"}) {
    const int calls = hasher_.calls;
    EXPECT_EQ(verify_from("198.51.100.1", name, "wrong"), "barred") << name;
    EXPECT_EQ(hasher_.calls, calls + 1) << name;
  }
}

TEST_F(GuardedAuthenticatorTest, AnAccountUnderAttackIsLetInWhereItIsUsed) {
  EXPECT_EQ(verify_from("203.0.113.1", "billing", "right"), "billing");
  for (int i = 0; i < 8; ++i) {
    const std::string address = "10." + std::to_string(i) + ".0.1";
    EXPECT_EQ(verify_from(address.c_str(), "billing", std::to_string(i)), "wrong password");
  }
  EXPECT_EQ(verify_from("192.0.2.1", "billing", "right"), "barred");
  EXPECT_EQ(verify_from("192.0.2.1", "shop", "other"), "shop");
  EXPECT_EQ(verify_from("203.0.113.1", "billing", "right"), "billing from cache");
}

TEST_F(GuardedAuthenticatorTest, WhatAMechanismHasFoundWrongCounts) {
  const IpAddress client = IpAddress::parse("198.51.100.1").value();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(told(authenticator_.disproved(loop_, {.name = "billing"}, client)), "wrong password");
  }
  EXPECT_EQ(told(authenticator_.disproved(loop_, {.name = "billing"}, client)), "barred");
  EXPECT_EQ(verify_from("198.51.100.1", "billing", "right"), "barred");
}

TEST_F(AuthenticatorTest, UnknownUserAndWrongPasswordCostOneHashEach) {
  EXPECT_EQ(verify("billing", "wrong"), "wrong password");
  EXPECT_EQ(hasher_.calls, 1);
  EXPECT_EQ(verify("nobody", "wrong"), "unknown user");
  EXPECT_EQ(hasher_.calls, 2);
}

TEST_F(AuthenticatorTest, FailuresAreNotCached) {
  for (int i = 1; i <= 3; ++i) {
    (void)verify("billing", "wrong");
    (void)verify("nobody", "wrong");
    EXPECT_EQ(hasher_.calls, 2 * i);
  }
}

TEST_F(AuthenticatorTest, AClientThatComesBackDoesNotPayAgain) {
  EXPECT_EQ(verify("billing", "right"), "billing");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(verify("billing", "right"), "billing from cache");
  EXPECT_EQ(hasher_.calls, 1);
  EXPECT_EQ(verify("billing", "wrong"), "wrong password");
  EXPECT_EQ(hasher_.calls, 2);
}

TEST_F(AuthenticatorTest, TheCacheForgetsAfterItsLifetime) {
  EXPECT_EQ(verify("billing", "right"), "billing");
  pass(5min - 1ns);
  EXPECT_EQ(verify("billing", "right"), "billing from cache");
  pass(1ns);
  EXPECT_EQ(verify("billing", "right"), "billing");
  authenticator_.set_cache_lifetime(0s);
  EXPECT_EQ(verify("billing", "right"), "billing");
  EXPECT_EQ(hasher_.calls, 3);
}

TEST_F(AuthenticatorTest, ACacheHitDoesNotSuspend) {
  EXPECT_EQ(verify("billing", "right"), "billing");
  Task<Verdict> hit =
      authenticator_.verify(loop_, Password{"", "billing", Secret("right")}, kClient);
  const auto frame = hit.start();
  frame.resume();  // no loop runs: it gets to its end by itself or not at all
  EXPECT_TRUE(frame.done());
}

TEST_F(AuthenticatorTest, NamesAreTheSameInAnyCase) {
  EXPECT_EQ(verify("BILLING", "right"), "billing") << "as it is spelled in the table";
  EXPECT_EQ(verify("Billing", "right", "bILLING"), "billing from cache") << "hashed once";
  const Verdict verdict =
      loop_.run(authenticator_.verify(loop_, Password{"", "SHOP", Secret("wrong")}, kClient));
  EXPECT_EQ(std::get<Rejected>(verdict).name, "shop");
}

TEST_F(AuthenticatorTest, OneActsForOneselfOnly) {
  EXPECT_EQ(verify("billing", "right", "billing"), "billing");
  EXPECT_EQ(verify("billing", "right", "shop"), "foreign authzid");
  EXPECT_EQ(verify("billing", "wrong", "shop"), "foreign authzid");
  EXPECT_EQ(hasher_.calls, 1);
}

TEST_F(AuthenticatorTest, ReloadedUsersCountAtOnce) {
  EXPECT_EQ(verify("billing", "right"), "billing");
  authenticator_.replace_users(
      table({user("billing", hasher_.hash_of("new")), user("fresh", hasher_.hash_of("f"))}));
  EXPECT_EQ(verify("billing", "right"), "wrong password") << "the cache must not know it any more";
  EXPECT_EQ(verify("billing", "new"), "billing");
  EXPECT_EQ(verify("fresh", "f"), "fresh");
  EXPECT_EQ(verify("shop", "other"), "unknown user");
}

TEST_F(AuthenticatorTest, AReloadThatChangesNothingKeepsTheCache) {
  EXPECT_EQ(verify("billing", "right"), "billing");
  authenticator_.replace_users(table({*users_->find("billing")}));
  EXPECT_EQ(verify("billing", "right"), "billing from cache");
}

TEST_F(AuthenticatorTest, ACachedUserHasTheLimitsOfTheNewTable) {
  EXPECT_EQ(verify("billing", "right"), "billing");
  config::User changed = *users_->find("billing");
  changed.limits.connections = 7;
  authenticator_.replace_users(table({changed}));
  const Verdict verdict =
      loop_.run(authenticator_.verify(loop_, Password{"", "billing", Secret("right")}, kClient));
  EXPECT_EQ(std::get<Accepted>(verdict).identity.user().limits.connections, 7u);
}

TEST_F(AuthenticatorTest, WhoIsRemovedWhileBeingCheckedIsRejected) {
  hasher_.before_answer = [&] { authenticator_.replace_users(table({})); };
  EXPECT_EQ(verify("billing", "right"), "unknown user");
}

TEST_F(AuthenticatorTest, WhoGetsANewHashWhileBeingCheckedMustTryAgain) {
  const auto changed = table({user("billing", hasher_.hash_of("new"))});
  hasher_.before_answer = [&] { authenticator_.replace_users(changed); };
  EXPECT_EQ(verify("billing", "right"), "the users have just been reloaded");
  EXPECT_EQ(verify("billing", "right"), "wrong password");
}

TEST_F(AuthenticatorTest, AnOutageIsNoRejection) {
  hasher_.out_of_memory = true;
  EXPECT_EQ(verify("billing", "right"), "argon2: out of memory");
  hasher_.out_of_memory = false;
  EXPECT_EQ(verify("billing", "right"), "billing") << "nor is it remembered";
}

Identity log_in(Authenticator& authenticator, Loop& loop) {
  return std::get<Accepted>(loop.run(authenticator.verify(
                                loop, Password{"", "billing", Secret("right")}, kClient)))
      .identity;
}

TEST_F(AuthenticatorTest, AnIdentityHoldsWhileItsUserIsUnchanged) {
  Identity identity = log_in(authenticator_, loop_);
  const std::uint64_t generation = identity.generation();
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kHolds);
  authenticator_.replace_users(users_);
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kHolds);
  EXPECT_EQ(identity.generation(), generation) << "the same table is no news";
  authenticator_.replace_users(table({*users_->find("billing")}));
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kHolds);
  EXPECT_GT(identity.generation(), generation);
}

TEST_F(AuthenticatorTest, AnIdentityHasTheRightsOfTheTableInForce) {
  Identity identity = log_in(authenticator_, loop_);
  config::User changed = *users_->find("billing");
  changed.name = "Billing";
  changed.limits.connections = 7;
  authenticator_.replace_users(table({changed}));
  EXPECT_EQ(identity.user().limits.connections, std::nullopt) << "until it is renewed";
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kHolds);
  EXPECT_EQ(identity.user().limits.connections, 7u);
  EXPECT_EQ(identity.name(), "Billing");
}

TEST_F(AuthenticatorTest, AnIdentityEndsWithItsUserOrItsPassword) {
  Identity identity = log_in(authenticator_, loop_);
  authenticator_.replace_users(table({user("shop", hasher_.hash_of("other"))}));
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kRemoved);
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kRemoved) << "and stays ended";
  authenticator_.replace_users(table({user("billing", hasher_.hash_of("new"))}));
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kPasswordChanged);
  authenticator_.replace_users(users_);
  EXPECT_EQ(authenticator_.renew(identity), Renewal::kHolds)
      << "what was proved is asked for again";
}

struct Attempt {
  std::uint8_t network;
  std::string authcid;
  std::string password;
  std::string outcome = {};
};

Task<void> attempt(Authenticator& authenticator, Loop& loop, Attempt& one) {
  one.outcome = told(co_await authenticator.verify(
      loop, Password{"", one.authcid, Secret(std::string_view(one.password))},
      IpAddress::v4({192, 0, one.network, 1})));
}

Task<void> attempt_all(Authenticator& authenticator, Loop& loop, std::vector<Attempt>& all) {
  runtime::TaskGroup group(loop);
  for (Attempt& one : all) group.spawn(attempt(authenticator, loop, one));
  (void)co_await group.join();
}

TEST_F(AuthenticatorTest, AFloodFromOneNetworkKeepsNobodyOfAnotherOut) {
  Authenticator authenticator(
      {.hashing = {.most_running = 1, .longest_wait = 200ms, .usual_cost = 50ms},
       .verify_password = hasher_.verifier()},
      users_);
  std::vector<Attempt> attempts;
  for (int i = 0; i < 100; ++i) attempts.push_back({1, "billing", "guess" + std::to_string(i)});
  attempts.push_back({2, "billing", "right"});
  attempts.push_back({3, "billing", "wrong"});
  attempts.push_back({4, "nobody", "wrong"});
  for (int i = 0; i < 100; ++i) attempts.push_back({1, "nobody", "guess" + std::to_string(i)});
  loop_.run(attempt_all(authenticator, loop_, attempts));
  EXPECT_EQ(attempts[100].outcome, "billing");
  EXPECT_EQ(attempts[101].outcome, "wrong password");
  EXPECT_EQ(attempts[102].outcome, "unknown user");
  const auto refused =
      std::ranges::count(attempts, "too many logins are waiting to be checked", &Attempt::outcome);
  EXPECT_EQ(refused, 198);
  EXPECT_EQ(hasher_.calls, 5);
}

struct Counts {
  std::atomic<int> accepted = 0;
  std::atomic<int> rejected = 0;
};

Task<void> count_one(Authenticator& authenticator, Loop& loop, std::string password,
                     Counts& counts) {
  const Verdict verdict =
      co_await authenticator.verify(loop, Password{"", "billing", Secret(password)}, kClient);
  ++(std::holds_alternative<Accepted>(verdict) ? counts.accepted : counts.rejected);
}

Task<void> count_fifty_of_each(Authenticator& authenticator, Loop& loop, Counts& counts) {
  runtime::TaskGroup group(loop);
  for (int i = 0; i < 50; ++i) {
    group.spawn(count_one(authenticator, loop, "right", counts));
    group.spawn(count_one(authenticator, loop, "wrong" + std::to_string(i), counts));
  }
  (void)co_await group.join();
}

TEST(Authenticator, WorksWithRealHashesFromEveryWorkerAtOnce) {
  const HashCost cheap = {.memory_kib = 8, .passes = 1, .lanes = 1};
  Authenticator authenticator(
      {.hashing = {.most_running = 2}},
      table({user("billing", hash_password(Secret("right"), cheap).value())}));
  Counts counts;
  {
    std::vector<std::unique_ptr<runtime::LoopThread>> workers(4);
    for (auto& worker : workers) {
      worker = std::make_unique<runtime::LoopThread>(
          [&](Loop& loop) { return count_fifty_of_each(authenticator, loop, counts); });
    }
  }
  EXPECT_EQ(counts.accepted, 200);
  EXPECT_EQ(counts.rejected, 200);
}

}  // namespace
}  // namespace sallyport::auth
