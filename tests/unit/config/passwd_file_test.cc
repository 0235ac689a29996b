// Password files of other programs, alone and as [[auth.source]].
#include "proxy/config/passwd_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

const std::string kBcrypt = "$2y$10$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

std::vector<std::string> problems_in(std::string_view text, PasswdFormat format) {
  Problems problems("users");
  const auto entries = read_passwd(text, format, problems);
  std::vector<std::string> said;
  for (const Problem& problem : std::move(problems).take()) said.push_back(problem.str());
  if (said.empty()) said.push_back(std::to_string(entries.size()) + " users");
  return said;
}

TEST(PasswdFile, OfHtpasswdHasNamesAndHashes) {
  Problems problems("users");
  const auto entries =
      read_passwd("# made by hand\n\nmary:" + kBcrypt + "\r\nj\xc3\xb6rg:" + kBcrypt,
                  PasswdFormat::kHtpasswd, problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].user.name, "mary");
  EXPECT_EQ(entries[0].user.password_hash, kBcrypt);
  EXPECT_EQ(entries[0].place, (Place{.line = 3, .column = 1}));
  EXPECT_EQ(entries[1].user.name, "j\xc3\xb6rg");
}

TEST(PasswdFile, OfDovecotHasNetworksToo) {
  Problems problems("users");
  const auto entries = read_passwd("mary:{BLF-CRYPT}" + kBcrypt +
                                       ":1000:1000::/home/mary::userdb_quota=1G "
                                       "allow_nets=192.0.2.0/24,local,2001:db8::/32\n"
                                       "cron:" +
                                       kBcrypt + "\n",
                                   PasswdFormat::kDovecot, problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_THAT(entries, SizeIs(2));
  ASSERT_THAT(entries[0].user.networks, SizeIs(3));
  EXPECT_EQ(entries[0].user.networks[0].str(), "192.0.2.0/24");
  EXPECT_THAT(entries[1].user.networks, SizeIs(0));
}

TEST(PasswdFile, OfSmtprelayHasSenders) {
  Problems problems("users");
  const auto entries = read_passwd("mary " + kBcrypt +
                                       "\t mary@example.com,@shop.example\n"
                                       "all  " +
                                       kBcrypt + "\n",
                                   PasswdFormat::kSmtprelay, problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_THAT(entries, SizeIs(2));
  ASSERT_THAT(entries[0].user.senders, SizeIs(2));
  EXPECT_EQ(entries[0].user.senders[1].text(), "*@shop.example");
  EXPECT_THAT(entries[1].user.senders, SizeIs(0));
}

TEST(PasswdFile, TellsWhatIsWrongWhereAndNeverAPassword) {
  using enum PasswdFormat;
  const struct {
    std::string text;
    PasswdFormat format;
    std::string problem;
  } cases[] = {
      {":" + kBcrypt, kHtpasswd, "users:1:1: expected the name of a user, of 1 to 255 octets"},
      {std::string(256, 'x') + ":" + kBcrypt, kHtpasswd,
       "users:1:1: expected the name of a user, of 1 to 255 octets"},
      {"\n# x\nj\xc3\xb6rg:$apr1$salt$hunter2", kHtpasswd,
       "users:3:6: the password of \"j\xc3\xb6rg\": it is an MD5 hash, which is cracked in no "
       "time; "
       "make one with: htpasswd -B; expected a hash"},
      {"mary:{PLAIN}hunter2", kDovecot,
       "users:1:6: the password of \"mary\": it is a password in clear; make a hash of it with: "
       "sallyport hash-password; expected a hash"},
      {"mary:" + kBcrypt + "::::::x allow_nets=10.0.0.1/8", kDovecot,
       "users:1:74: allow_nets of \"mary\" has \"10.0.0.1/8\"; expected networks like 10.0.0.0/8"},
      {"mary:" + kBcrypt + "::::::allow_nets=", kDovecot,
       "users:1:72: allow_nets of \"mary\" is empty; expected networks"},
      {"mary " + kBcrypt + " mary", kSmtprelay,
       "users:1:67: the senders of \"mary\" have \"mary\"; expected addresses or @domain"},
      {"mary " + kBcrypt + " m@x.example n@x.example", kSmtprelay,
       "users:1:79: something follows the senders of \"mary\"; expected the end of the line"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(problems_in(c.text, c.format), ElementsAre(c.problem)) << c.text;
  }
}

FakeOutside with_file(std::string text) {
  FakeOutside outside = usual_outside();
  outside.files["/etc/users"] = std::move(text);
  return outside;
}

constexpr std::string_view kSource =
    "[[auth.source]]\ntype = 'passwd'\npath = '/etc/users'\nformat = 'htpasswd'\n";

TEST(AuthSource, GivesUsersTheRightsOfTheFirstRuleThatMatches) {
  const auto config =
      accepted(std::string(kSource) +
                   "[[auth.user]]\nmatch = 'billing-*'\nsenders = ['*@billing.example']\n"
                   "limits = { messages = '5/hour' }\n"
                   "[[auth.user]]\nmatch = '*'\nsenders = ['*@other.example']\n",
               with_file("Billing-Cron:" + kBcrypt + "\nshop:" + kBcrypt + "\n"));
  ASSERT_THAT(config.auth.file_users, SizeIs(2));
  EXPECT_EQ(config.auth.file_users[0].senders[0].text(), "*@billing.example");
  EXPECT_EQ(config.auth.file_users[0].limits.messages, parse_rate("5/hour", false).value());
  EXPECT_EQ(config.auth.file_users[1].senders[0].text(), "*@other.example");
  EXPECT_EQ(config.auth.sources[0].path, "/etc/users");
}

TEST(AuthSource, IsEnoughToLogIn) {
  EXPECT_THAT(problems_of(kSource, with_file("mary:" + kBcrypt)), ElementsAre("accepted"));
  EXPECT_THAT(
      problems_of("[[auth.user]]\nmatch = '*'\n", usual_outside()),
      ElementsAre("c.toml:1:1: nobody could log in; expected at least one [[auth.user]] with a "
                  "password, auth.file or [[auth.source]]"));
}

TEST(AuthSource, TellsItsProblems) {
  EXPECT_THAT(
      problems_of("[[auth.source]]\ntype = 'ldab'\nformat = 'csv'\n"),
      ElementsAre(
          "c.toml:1:1: auth.source[1].path is missing; expected the path of a password file",
          "c.toml:2:8: auth.source[1].type is \"ldab\"; expected \"passwd\", \"token\", "
          "\"kubernetes\", "
          "\"http\" or \"network\"",
          "c.toml:3:10: auth.source[1].format is \"csv\"; expected \"htpasswd\", "
          "\"dovecot\" or \"smtprelay\""));
  EXPECT_THAT(
      problems_of(kSource),
      ElementsAre("c.toml:3:8: auth.source[1].path is \"/etc/users\", which cannot be read: No "
                  "such file or directory; expected the path of a password file"));
  EXPECT_THAT(
      problems_of(kSource, with_file("mary:hunter2")),
      ElementsAre("/etc/users:1:6: the password of \"mary\": it is no hash that is known here "
                  "($argon2id$, $y$, $2y$, $6$, $5$, {SSHA512}, {SSHA256}, {SSHA} or "
                  "{SCRAM-SHA-256}); expected a hash"));
  EXPECT_THAT(
      problems_of(std::string(kSource) + "[[auth.user]]\nmatch = '*'\nname = 'x'\n", with_file("")),
      ElementsAre("c.toml:7:8: auth.user[1].name goes with no match; expected either a user, "
                  "with name and password, or rights for users that come from a source, with "
                  "match"));
}

TEST(AuthSource, NamesAreUniqueOverAllSources) {
  EXPECT_THAT(
      problems_of(std::string(kSource) + "[[auth.user]]\nname = 'MARY'\npassword = '" +
                      std::string(kHash) + "'\n",
                  with_file("mary:" + kBcrypt + "\nmary:" + kBcrypt)),
      ElementsAre("/etc/users:1:1: the name is \"mary\", which line 6 of c.toml has already as "
                  "\"MARY\": names are compared without regard to case; expected another one",
                  "/etc/users:2:1: the name is \"mary\", which line 6 of c.toml has already as "
                  "\"MARY\": names are compared without regard to case; expected another one"));
}

}  // namespace
}  // namespace sallyport::config
