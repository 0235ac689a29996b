// Storms of logins, simulated in virtual time: what honest clients hear while strangers have as
// many networks as they like, and after a restart.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/authenticator.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/task_group.h"

namespace sallyport::auth {
namespace {

using namespace std::chrono_literals;
using runtime::Loop;
using runtime::Task;

constexpr Duration kHash = 30ms;         // what one costs on one of two CPUs
constexpr Duration kPatience = 60s;      // of a client, from its first AUTH
constexpr Duration kUntilRetry = 500ms;  // after a 454

Task<void> sleep(Loop& loop, Duration span) {
  runtime::Event never(loop);
  (void)co_await never.wait(loop.after(span));
}

Task<Result<bool>> hash_in_virtual_time(Loop& loop, const HashingQueue::Work& work) {
  co_await sleep(loop, kHash);
  co_return work();
}

std::string name_of(std::size_t number) { return "user" + std::to_string(number); }

/// What one honest client has lived through.
struct Client {
  std::size_t user = 0;
  IpAddress address;
  Duration begins_after{};
  bool logged_in = false;
  int unavailable = 0;  // times it heard 454
  Duration took{};      // since its first AUTH
};

/// An address of which the /24 is that of no other `number`.
IpAddress apart(std::uint8_t first, std::size_t number) {
  return IpAddress::v4(
      {first, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number), 1});
}

/// Users "user0", "user1" … all of whom have the password "right".
class Storm : public testing::Test {
 protected:
  static constexpr std::size_t kUsers = 400;

  Storm() : authenticator_(options(), users()) {}

  static Authenticator::Options options() {
    Authenticator::Options options;
    options.cache_lifetime = 1min;
    // Here it is the queue that holds them off.
    options.guard = {.network_failures = 0, .account_failures = 0};
    options.hashing = HashingQueue::Options::fit(2);
    options.hashing.runner = hash_in_virtual_time;
    options.verify_password = [](const std::string&, const Secret& password) -> Result<bool> {
      return password.reveal() == "right";
    };
    return options;
  }

  static std::shared_ptr<const UserTable> users() {
    std::vector<config::User> users(kUsers);
    for (std::size_t i = 0; i < kUsers; ++i) {
      users[i].name = name_of(i);
      users[i].password_hash = decoy_hash(kDefaultHashCost);
    }
    return UserTable::build(std::move(users)).value();
  }

  Task<bool> try_to_log_in(Client& client) {
    const Verdict verdict = co_await authenticator_.verify(
        loop_, Password{"", name_of(client.user), Secret("right")}, client.address);
    if (std::holds_alternative<Unavailable>(verdict)) ++client.unavailable;
    co_return std::holds_alternative<Accepted>(verdict);
  }

  /// Tries until it is let in or loses patience.
  Task<void> log_in(Client& client) {
    co_await sleep(loop_, client.begins_after);
    const TimePoint began = loop_.now();
    while (loop_.now() - began < kPatience) {
      client.logged_in = co_await try_to_log_in(client);
      client.took = loop_.now() - began;
      if (client.logged_in) co_return;
      co_await sleep(loop_, kUntilRetry);
    }
  }

  /// Guesses on and on: one wrong password of this address is always in the queue.
  Task<void> guess(IpAddress address, const bool& over) {
    std::size_t i = 0;
    while (!over) {
      const std::string password = address.str() + " " + std::to_string(i);
      const Verdict verdict = co_await authenticator_.verify(
          loop_, Password{"", name_of(i % kUsers), Secret(password)}, address);
      ++i;
      // A new connection takes a moment.
      co_await sleep(loop_, std::holds_alternative<Unavailable>(verdict) ? 2s : 1ms);
    }
  }

  Task<void> log_all_in(std::vector<Client>& clients) {
    runtime::TaskGroup group(loop_);
    for (Client& client : clients) group.spawn(log_in(client));
    (void)co_await group.join();
  }

  Task<void> log_all_in_under(const std::vector<IpAddress>& attackers,
                              std::vector<Client>& clients) {
    bool over = false;
    runtime::TaskGroup attack(loop_);
    for (const IpAddress& address : attackers) attack.spawn(guess(address, over));
    co_await sleep(loop_, 5s);  // until its queue is as long as it gets
    co_await log_all_in(clients);
    over = true;
    (void)co_await attack.join();
  }

  /// Lets the cache of verified credentials forget everything.
  void forget() { loop_.run(sleep(loop_, 2min)); }

  Loop loop_{runtime::Time::kVirtual};
  Authenticator authenticator_;
};

std::vector<IpAddress> attackers(std::size_t count) {
  std::vector<IpAddress> addresses;
  for (std::size_t i = 0; i < count; ++i) addresses.push_back(apart(198, i));
  return addresses;
}

/// `count` clients, each of a network and of a user of its own, that come `apart_by` each other.
std::vector<Client> clients(std::size_t count, Duration apart_by) {
  std::vector<Client> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    all[i] = {.user = i,
              .address = apart(10, i),
              .begins_after = static_cast<Duration::rep>(i) * apart_by};
  }
  return all;
}

void expect_all_in(const std::vector<Client>& clients, Duration within) {
  for (const Client& client : clients) {
    EXPECT_TRUE(client.logged_in) << client.user;
    EXPECT_EQ(client.unavailable, 0) << client.user;
    EXPECT_LE(client.took, within) << client.user;
  }
}

TEST_F(Storm, OfManyAddressesKeepsNoKnownNetworkOut) {
  for (const std::size_t count : {220u, 2400u}) {
    std::vector<Client> before = clients(12, 0s);
    loop_.run(log_all_in(before));
    expect_all_in(before, kPatience);
    forget();
    std::vector<Client> honest = clients(12, 700ms);
    loop_.run(log_all_in_under(attackers(count), honest));
    expect_all_in(honest, 1s);
    forget();
  }
}

TEST_F(Storm, OfManyAddressesKeepsNoNeighbourOfAKnownNetworkOut) {
  std::vector<Client> before = clients(12, 0s);
  loop_.run(log_all_in(before));
  forget();
  std::vector<Client> honest = clients(12, 700ms);
  for (Client& client : honest) {
    IpAddress::Octets octets = client.address.octets();
    octets.back() = 77;  // a new pod of the same node
    client.address = IpAddress(octets);
  }
  loop_.run(log_all_in_under(attackers(2400), honest));
  expect_all_in(honest, 1s);
}

// Whoever has but one /48 or /24, however many addresses, is one of those that take turns.
TEST_F(Storm, OfOneNetworkKeepsNoStrangerOut) {
  std::vector<IpAddress> addresses;
  for (std::size_t i = 0; i < 250; ++i) {
    addresses.push_back(IpAddress::v4({198, 51, 100, static_cast<std::uint8_t>(i)}));
  }
  for (std::size_t i = 0; i < 3000; ++i) {
    IpAddress::Octets octets = IpAddress::parse("2001:db8:1::1").value().octets();
    octets[6] = static_cast<std::uint8_t>(i >> 8);
    octets[7] = static_cast<std::uint8_t>(i);
    addresses.emplace_back(octets);
  }
  std::vector<Client> honest = clients(12, 700ms);
  loop_.run(log_all_in_under(addresses, honest));
  expect_all_in(honest, 1s);
}

// Nothing is known after a restart: the queue is long, but everybody's turn comes.
TEST_F(Storm, AfterARestartLetsEverybodyIn) {
  std::vector<Client> honest = clients(200, 0s);
  loop_.run(log_all_in(honest));
  expect_all_in(honest, 10s);
}

TEST_F(Storm, AfterARestartLetsEverybodyOfOneNetworkIn) {
  std::vector<Client> honest = clients(200, 0s);
  for (Client& client : honest) client.address = IpAddress::v4({192, 0, 2, 1});
  loop_.run(log_all_in(honest));
  expect_all_in(honest, 10s);
}

TEST_F(Storm, AfterARestartUnderAttackLetsEverybodyIn) {
  std::vector<Client> honest = clients(200, 0s);
  loop_.run(log_all_in_under(attackers(220), honest));
  expect_all_in(honest, kPatience);
}

}  // namespace
}  // namespace sallyport::auth
