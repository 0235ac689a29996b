#include "auth/login_guard.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/base/ip_address.h"

namespace sallyport::auth {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart = TimePoint() + 1000h;

NetworkPath from(const char* address) { return path_of(IpAddress::parse(address).value()); }

/// A guess that is no other one's.
CredentialsMac guess(int number) {
  CredentialsMac mac{};
  mac[0] = static_cast<std::uint8_t>(number % 256);
  mac[1] = static_cast<std::uint8_t>(number / 256 + 1);
  return mac;
}

/// Wrong logins by `name` from there, each with other credentials, until one bars or `most`.
int failures_until_barred(LoginGuard& guard, const std::string& name, const NetworkPath& path,
                          int most, TimePoint now = kStart, int first = 0) {
  for (int i = 1; i <= most; ++i) {
    const CredentialsMac mac = guess(first + i);
    if (guard.failed(name, path, &mac, now).bars) return i;
  }
  return 0;
}

TEST(LoginGuard, ANetworkIsBarredForAWhileAndBeginsAnew) {
  LoginGuard guard({.network_failures = 5, .block = 10min});
  const NetworkPath guesser = from("192.0.2.1");
  EXPECT_EQ(failures_until_barred(guard, "a", guesser, 10), 5);
  const auto bar = guard.bar("somebody else", guesser, kStart + 1min);
  ASSERT_TRUE(bar);
  EXPECT_EQ(bar->by, BarredBy::kNetwork);
  EXPECT_EQ(bar->left, 9min);
  EXPECT_FALSE(guard.bar("a", from("198.51.100.1"), kStart));
  EXPECT_FALSE(guard.bar("a", guesser, kStart + 10min));
  EXPECT_EQ(failures_until_barred(guard, "a", guesser, 10, kStart + 10min, 100), 5);
}

TEST(LoginGuard, TheNetworkAroundMayHaveFourTimesAsMany) {
  LoginGuard guard({.network_failures = 5, .account_failures = 0});
  int barred_after = 0;
  for (int i = 1; i <= 100 && barred_after == 0; ++i) {
    const CredentialsMac mac = guess(i);
    const NetworkPath path = from(("192.0.2." + std::to_string(i)).c_str());
    if (guard.failed("n" + std::to_string(i), path, &mac, kStart).bars) barred_after = i;
  }
  EXPECT_EQ(barred_after, 20);
  EXPECT_TRUE(guard.bar("x", from("192.0.2.250"), kStart));
  EXPECT_FALSE(guard.bar("x", from("192.0.3.1"), kStart));
}

TEST(LoginGuard, AnIpv6HostIsItsWhole64) {
  LoginGuard guard({.network_failures = 3, .account_failures = 0});
  for (int i = 1; i <= 3; ++i) {
    const CredentialsMac mac = guess(i);
    guard.failed("a", from(("2001:db8::" + std::to_string(i)).c_str()), &mac, kStart);
  }
  EXPECT_TRUE(guard.bar("a", from("2001:db8::ffff"), kStart));
  EXPECT_FALSE(guard.bar("a", from("2001:db8:0:1::1"), kStart));
}

TEST(LoginGuard, AnAccountIsBarredWhoeverGuesses) {
  LoginGuard guard({.network_failures = 0, .account_failures = 10});
  for (int i = 1; i <= 10; ++i) {
    const CredentialsMac mac = guess(i);
    const std::string address = "10." + std::to_string(i) + ".0.1";
    guard.failed("billing", from(address.c_str()), &mac, kStart);
  }
  const auto bar = guard.bar("billing", from("192.0.2.1"), kStart);
  ASSERT_TRUE(bar);
  EXPECT_EQ(bar->by, BarredBy::kAccount);
  EXPECT_FALSE(guard.bar("shop", from("192.0.2.1"), kStart));
}

// An application whose password was changed comes back with the old one all day.
TEST(LoginGuard, TheSameWrongCredentialsCountOnce) {
  LoginGuard guard({.network_failures = 3, .account_failures = 3});
  const CredentialsMac old = guess(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(guard.failed("app", from("192.0.2.1"), &old, kStart + i * 1s).bars);
  }
  EXPECT_FALSE(guard.bar("app", from("192.0.2.1"), kStart + 1000s));
}

TEST(LoginGuard, WithoutCredentialsToCompareEachCounts) {
  LoginGuard guard({.network_failures = 3});
  const NetworkPath path = from("192.0.2.1");
  EXPECT_FALSE(guard.failed("app", path, nullptr, kStart).bars);
  EXPECT_FALSE(guard.failed("app", path, nullptr, kStart).bars);
  EXPECT_TRUE(guard.failed("app", path, nullptr, kStart).bars);
}

TEST(LoginGuard, AnswersWaitLongerWithEachFailureUpToACap) {
  LoginGuard guard({.network_failures = 100, .max_delay = 8s});
  std::vector<Duration> delays;
  for (int i = 1; i <= 9; ++i) {
    const CredentialsMac mac = guess(i);
    delays.push_back(guard.failed("a", from("192.0.2.1"), &mac, kStart).delay);
  }
  EXPECT_EQ(delays, (std::vector<Duration>{0s, 0s, 0s, 1s, 2s, 4s, 8s, 8s, 8s}));
  const CredentialsMac mac = guess(100);
  EXPECT_EQ(guard.failed("b", from("192.0.2.2"), &mac, kStart).delay, 0s) << "a neighbour's do not";
}

TEST(LoginGuard, FailuresRunOffWithinTheWindow) {
  LoginGuard guard({.network_failures = 10, .account_failures = 0, .window = 10min});
  const NetworkPath path = from("192.0.2.1");
  EXPECT_EQ(failures_until_barred(guard, "a", path, 9), 0);
  // One runs off a minute: at that pace nobody is ever barred.
  EXPECT_EQ(failures_until_barred(guard, "a", path, 5, kStart + 5min, 100), 0);
  EXPECT_EQ(failures_until_barred(guard, "a", path, 2, kStart + 5min, 200), 1);
}

TEST(LoginGuard, RemembersWhoWasLetInFromWhere) {
  LoginGuard guard({});
  const NetworkPath office = from("192.0.2.1");
  guard.succeeded("billing", office, kStart);
  EXPECT_TRUE(guard.has_succeeded("billing", office, kStart + 24h));
  EXPECT_FALSE(guard.has_succeeded("shop", office, kStart));
  EXPECT_FALSE(guard.has_succeeded("billing", from("192.0.2.2"), kStart));
  EXPECT_FALSE(guard.has_succeeded("billing", office, kStart + 24h * 8));
}

TEST(LoginGuard, ItsMemoryIsBounded) {
  LoginGuard guard({.network_failures = 2, .account_failures = 0}, 100);
  const CredentialsMac mac = guess(1);
  const CredentialsMac other = guess(2);
  guard.failed("a", from("10.0.0.1"), &mac, kStart);
  for (int i = 0; i < 200; ++i) {
    const std::string address = "172.16." + std::to_string(i) + ".1";
    guard.failed("a", from(address.c_str()), &mac, kStart);
  }
  EXPECT_FALSE(guard.failed("a", from("10.0.0.1"), &other, kStart).bars) << "it was forgotten";
}

TEST(LoginGuard, ZeroIsNoEnd) {
  LoginGuard guard({.network_failures = 0, .account_failures = 0});
  EXPECT_EQ(failures_until_barred(guard, "a", from("192.0.2.1"), 1000), 0);
  EXPECT_FALSE(guard.bar("a", from("192.0.2.1"), kStart));
}

}  // namespace
}  // namespace sallyport::auth
