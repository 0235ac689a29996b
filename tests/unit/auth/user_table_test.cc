#include "auth/user_table.h"

#include <gtest/gtest.h>

#include "auth/password_hash.h"

namespace sallyport::auth {
namespace {

constexpr HashCost kCheap = {.memory_kib = 8, .passes = 1, .lanes = 1};
constexpr HashCost kDear = {.memory_kib = 64, .passes = 3, .lanes = 1};

config::User user_with(std::string name, std::string password_hash) {
  config::User made;
  made.name = std::move(name);
  made.password_hash = std::move(password_hash);
  return made;
}

config::User user(std::string name, HashCost cost = kCheap) {
  return user_with(std::move(name), decoy_hash(cost));
}

TEST(UserTable, FindsUsersByTheirNameInAnyCase) {
  const auto table = UserTable::build({user("Billing"), user("müller")}).value();
  EXPECT_EQ(table->size(), 2u);
  for (const char* name : {"billing", "Billing", "BILLING"}) {
    ASSERT_NE(table->find(name), nullptr) << name;
    EXPECT_EQ(table->find(name)->name, "Billing") << "as it is configured";
  }
  EXPECT_EQ(table->find("Müller")->name, "müller");
  // Only A-Z have a case here: more would need tables of Unicode, and a choice among them.
  for (const char* name : {"", "billing ", "mu\u0308ller", "MÜLLER", "nobody"}) {
    EXPECT_EQ(table->find(name), nullptr) << name;
  }
}

TEST(UserTable, AUserOutlivesTheTable) {
  auto table = UserTable::build({user("billing")}).value();
  const auto kept = table->find("billing");
  table.reset();
  EXPECT_EQ(kept->name, "billing");
}

TEST(UserTable, SaysWhichUserIsWrong) {
  const struct {
    std::vector<config::User> users;
    const char* expected;
  } cases[] = {
      {{user("a"), user("b"), user("a")}, "user 'a' is there twice"},
      {{user("a"), user("A")},
       "user 'A' is there twice, as 'a', too: names are compared without regard to case"},
      {{user("")}, "a user has an empty name"},
      {{user("a"), user_with("b", "hunter2")}, "user 'b': password: "},
  };
  for (const auto& c : cases) {
    const auto table = UserTable::build(c.users);
    ASSERT_FALSE(table) << c.expected;
    EXPECT_TRUE(table.error().text.starts_with(c.expected)) << table.error().text;
    EXPECT_FALSE(table.error().text.contains("hunter2"));
  }
}

TEST(UserTable, ADecoyCostsWhatUsersCost) {
  const auto decoy_cost = [](std::vector<config::User> users) {
    const auto table = UserTable::build(std::move(users)).value();
    return config::parse_argon2id(table->decoy_hash("nobody")).value().memory_kib;
  };
  EXPECT_EQ(decoy_cost({}), kDefaultHashCost.memory_kib);
  EXPECT_EQ(decoy_cost({user("a", kDear)}), kDear.memory_kib);
  EXPECT_EQ(decoy_cost({user("a"), user("b")}), kCheap.memory_kib);
}

// Who asks for many names finds as many of each cost among those that nobody has as among users'.
TEST(UserTable, WhereCostsDifferSoDoTheDecoysInTheSameParts) {
  const auto table =
      UserTable::build({user("a"), user("b", kDear), user("c", kDear), user("d", kDear)}).value();
  constexpr int kNames = 4000;
  int dear = 0;
  for (int i = 0; i < kNames; ++i) {
    const std::string name = "nobody" + std::to_string(i);
    const std::string& decoy = table->decoy_hash(name);
    EXPECT_EQ(table->decoy_hash("N" + name.substr(1)), decoy) << "a name has one cost";
    if (config::parse_argon2id(decoy).value().memory_kib == kDear.memory_kib) ++dear;
  }
  // Three of four; the deviation is 27 of 4,000.
  EXPECT_NEAR(dear, kNames * 3 / 4, 200);
}

TEST(UserTable, ANameKeepsItsDecoysCostWhenUsersComeAndGo) {
  std::vector<config::User> users;
  users.reserve(200);
  for (int i = 0; i < 200; ++i) {
    users.push_back(user("u" + std::to_string(i), i % 2 == 0 ? kCheap : kDear));
  }
  const auto before = UserTable::build(users).value();
  users.pop_back();
  const auto after = UserTable::build(users).value();
  int moved = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "nobody" + std::to_string(i);
    const auto cost = [&](const auto& table) {
      return config::parse_argon2id(table->decoy_hash(name)).value().memory_kib;
    };
    if (cost(before) != cost(after)) ++moved;
  }
  EXPECT_LT(moved, 20);
}

TEST(UserTable, HoldsManyUsers) {
  std::vector<config::User> users;
  const std::string hash = decoy_hash(kCheap);
  for (int i = 0; i < 20'000; ++i) {
    users.push_back(user_with("user" + std::to_string(i), hash));
  }
  const auto table = UserTable::build(std::move(users)).value();
  EXPECT_EQ(table->size(), 20'000u);
  EXPECT_EQ(table->find("user19999")->name, "user19999");
  EXPECT_EQ(table->find("user20000"), nullptr);
}

}  // namespace
}  // namespace sallyport::auth
