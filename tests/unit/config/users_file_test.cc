// The users file, alone and beside a config.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

using testing::ElementsAre;

std::string user(std::string_view name) {
  return "[[user]]\nname = '" + std::string(name) + "'\npassword = '" + std::string(kHash) + "'\n";
}

std::vector<std::string> problems_of_users(std::string_view text,
                                           std::span<const User> taken = {}) {
  const auto users = parse_users(text, "users.toml", Limits(), taken);
  if (users) return {"accepted"};
  std::vector<std::string> problems;
  for (const Problem& problem : users.error()) problems.push_back(problem.str());
  return problems;
}

TEST(UsersFile, HoldsUsersWithTheKeysOfTheConfig) {
  Limits defaults;
  defaults.messages = parse_rate("60/minute", false).value();
  defaults.connections = 20;
  const auto users = parse_users(user("a") + "senders = ['*@a.example']\n" + user("b") +
                                     "limits = { messages = 'unlimited', bytes = '1 MB/hour' }",
                                 "users.toml", defaults);
  ASSERT_TRUE(users);
  ASSERT_EQ(users->size(), 2u);
  EXPECT_EQ(users->at(0).name, "a");
  EXPECT_EQ(users->at(0).password_hash, kHash);
  ASSERT_EQ(users->at(0).senders.size(), 1u);
  EXPECT_EQ(users->at(0).senders[0].text(), "*@a.example");
  EXPECT_EQ(users->at(0).limits, defaults);
  EXPECT_EQ(users->at(1).limits.messages, std::nullopt);
  EXPECT_EQ(users->at(1).limits.connections, 20u);
  EXPECT_EQ(users->at(1).limits.bytes, parse_rate("1000000/hour", false).value());
}

TEST(UsersFile, MayBeEmpty) { EXPECT_THAT(problems_of_users(""), ElementsAre("accepted")); }

TEST(UsersFile, TellsItsProblemsLikeAConfig) {
  EXPECT_THAT(
      problems_of_users("[[usr]]\nname = 'a'\n"),
      ElementsAre("users.toml:1:3: unknown key 'usr' at the top level of a users file; did you "
                  "mean 'user'?"));
  EXPECT_THAT(
      problems_of_users(user("a") + "sender = 'x'\n" + user("a")),
      ElementsAre("users.toml:4:1: unknown key 'sender' in [[user]]; did you mean 'senders'?",
                  "users.toml:6:8: user[2].name is \"a\", which line 2 has already; expected "
                  "another one"));
  EXPECT_THAT(problems_of_users("[[user]"),
              ElementsAre("users.toml:1:8: not valid TOML: in the table header: the file ends too "
                          "early"));
}

TEST(UsersFile, IsReadWithTheConfig) {
  FakeOutside outside = usual_outside();
  outside.files["users.toml"] = user("from-file");
  const Config config =
      accepted("[auth]\nfile = 'users.toml'\n[limits]\nconnections = 7\n", outside);
  EXPECT_TRUE(config.auth.users.empty());
  ASSERT_EQ(config.auth.file_users.size(), 1u);
  EXPECT_EQ(config.auth.file_users[0].name, "from-file");
  EXPECT_EQ(config.auth.file_users[0].limits.connections, 7u);
}

TEST(UsersFile, MayNotNameAUserOfTheConfigAgain) {
  FakeOutside outside = usual_outside();
  outside.files["users.toml"] = user("fresh") + user("app");
  const std::string text =
      "[auth]\nfile = 'users.toml'\n[[auth.user]]\nname = 'app'\npassword = '" +
      std::string(kHash) + "'\n[log]\nlevel = 'loud'";
  EXPECT_THAT(
      problems_of(text, outside),
      ElementsAre("c.toml:7:9: log.level is \"loud\"; expected \"debug\", \"info\", \"warning\" "
                  "or \"error\"",
                  "users.toml:5:8: user[2].name is \"app\", which line 4 of c.toml has already; "
                  "expected another one"));
}

TEST(UsersFile, NamesThatDifferInCaseAreTheSame) {
  FakeOutside outside = usual_outside();
  outside.files["users.toml"] = user("APP") + user("shop") + user("Shop");
  const std::string text =
      "[auth]\nfile = 'users.toml'\n[[auth.user]]\nname = 'app'\npassword = '" +
      std::string(kHash) + "'\n";
  EXPECT_THAT(
      problems_of(text, outside),
      ElementsAre("users.toml:2:8: user[1].name is \"APP\", which line 4 of c.toml has already as "
                  "\"app\": names are compared without regard to case; expected another one",
                  "users.toml:8:8: user[3].name is \"Shop\", which line 5 has already as "
                  "\"shop\": names are compared without regard to case; expected another one"));
}

}  // namespace
}  // namespace sallyport::config
