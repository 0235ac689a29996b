// [[auth.source]] beyond files of passwords, and [[auth.group]].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/config/fake_outside.h"

namespace sallyport::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kCa = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
constexpr std::string_view kToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

FakeOutside pod() {
  FakeOutside outside = usual_outside();
  outside.files[std::string(kCa)] = "roots";
  outside.files[std::string(kToken)] = "token";
  outside.files["/etc/jwks.json"] = "{}";
  return outside;
}

AuthSource one(std::string_view text) {
  const Config config = accepted("[[auth.source]]\n" + std::string(text), pod());
  return config.auth.asked_sources.empty() ? AuthSource() : config.auth.asked_sources.front();
}

TEST(AskedSource, OfAClusterNeedsNothingInAPod) {
  const AuthSource source = one("type = 'kubernetes'");
  EXPECT_EQ(source.kind, SourceKind::kKubernetes);
  EXPECT_EQ(source.name, "kubernetes");
  EXPECT_EQ(source.url, "https://kubernetes.default.svc");
  EXPECT_EQ(source.ca, kCa);
  EXPECT_EQ(source.token.file, kToken);
  EXPECT_TRUE(source.token.text.empty()) << "the file is read when it is needed";
  EXPECT_THAT(source.audience, ElementsAre("sallyport"));
  EXPECT_EQ(source.user, "{namespace}/{serviceaccount}");
  EXPECT_FALSE(source.review);
}

TEST(AskedSource, OfTokensIsRead) {
  const AuthSource source =
      one("type = 'token'\nname = 'entra'\nissuer = 'https://login.example/v2.0'\n"
          "audience = ['api://mail', 'mail']\nuser = '{preferred_username}'\ngroups = '{roles}'\n"
          "labels = { tenant = '{tid}' }\nsenders = ['{email}']\nleeway = '5s'\nmax_life = '2h'\n"
          "timeout = '2s'\ncache_lifetime = '10s'\ngrace = '1h'\nconcurrency = 2\n"
          "jwks = '/etc/jwks.json'");
  EXPECT_EQ(source.name, "entra");
  EXPECT_THAT(source.audience, ElementsAre("api://mail", "mail"));
  EXPECT_EQ(source.user, "{preferred_username}");
  EXPECT_THAT(source.groups, ElementsAre("{roles}"));
  EXPECT_THAT(source.labels, ElementsAre(Label{"tenant", "{tid}"}));
  EXPECT_THAT(source.sender_templates, ElementsAre("{email}"));
  EXPECT_EQ(source.leeway, 5s);
  EXPECT_EQ(source.max_life, 2h);
  EXPECT_EQ(source.timeout, 2s);
  EXPECT_EQ(source.cache_lifetime, 10s);
  EXPECT_EQ(source.grace, 1h);
  EXPECT_EQ(source.concurrency, 2u);
  EXPECT_EQ(source.jwks, "/etc/jwks.json");
}

TEST(AskedSource, OfANetworkHasTheRightsOfItsRule) {
  const Config config = accepted(
      "[[auth.source]]\ntype = 'network'\nnetworks = ['10.0.0.0/8']\nuser = 'printers'\n"
      "limits = { messages = '5/hour' }\n"
      "[[auth.group]]\nname = 'devices'\nsenders = ['scan@example.com']\n"
      "[[auth.user]]\nmatch = 'print*'\nsenders = ['scan@example.com']\n");
  ASSERT_EQ(config.auth.asked_sources.size(), 1u);
  EXPECT_EQ(config.auth.asked_sources[0].limits.messages, parse_rate("5/hour", false).value());
  EXPECT_EQ(config.auth.group_rules[0].match, "devices");
}

TEST(AskedSource, TellsItsProblems) {
  struct Case {
    std::string_view text;
    std::string_view problem;
  };
  for (const Case& each : std::vector<Case>{
           {"type = 'token'\naudience = 'a'", "c.toml:1:1: auth.source[1].issuer is missing"},
           {"type = 'token'\nissuer = 'https://i.example'",
            "c.toml:1:1: auth.source[1].audience is missing; expected whom the tokens are for, as "
            "their claim aud says it: without it a token for anybody else would do here"},
           {"type = 'token'\nissuer = 'corp'\naudience = 'a'",
            "c.toml:3:10: auth.source[1].issuer is \"corp\", which is no https URL"},
           {"type = 'token'\nissuer = 'corp'\naudience = 'a'\njwks = 'http://k.example'",
            "c.toml:5:8: auth.source[1].jwks is \"http://k.example\"; expected an https URL"},
           {"type = 'token'\nissuer = 'corp'\naudience = 'a'\njwks = '/nowhere'",
            "c.toml:5:8: auth.source[1].jwks is \"/nowhere\", which cannot be read"},
           {"type = 'token'\nissuer = 'https://i.example'\naudience = 'a'\nuser = 'all'",
            "c.toml:5:8: auth.source[1].user has no claim in it"},
           {"type = 'token'\nissuer = 'https://i.example'\naudience = 'a'\nuser = '{sub'",
            "c.toml:5:8: auth.source[1].user is \"{sub\": a { has no }"},
           {"type = 'token'\nissuer = 'https://i.example'\naudience = 'a'\nsenders = "
            "['{}@x.example']",
            "auth.source[1].senders[1] is \"{}@x.example\": a claim stands in braces"},
           {"type = 'token'\nissuer = 'https://i.example'\naudience = 'a'\nurl = "
            "'https://x.example'",
            "c.toml:5:7: auth.source[1].url means nothing with type = \"token\""},
           {"type = 'token'\nissuer = 'https://i.example'\naudience = 'a'\nleeway = '1h'",
            "c.toml:5:10: auth.source[1].leeway is \"1h\""},
           {"type = 'http'", "c.toml:1:1: auth.source[1].url is missing"},
           {"type = 'http'\nurl = 'http://hook.example/'",
            "c.toml:3:7: auth.source[1].url is \"http://hook.example/\"; expected https, or http "
            "to "
            "127.0.0.1"},
           {"type = 'http'\nurl = 'https://u:p@hook.example/'", "expected an https URL"},
           {"type = 'http'\nurl = 'https://hook.example/'\ntoken = { file = '/nowhere' }",
            "\"/nowhere\", which cannot be read"},
           {"type = 'http'\nurl = 'https://hook.example/'\nca = '/nowhere'",
            "c.toml:4:6: auth.source[1].ca is \"/nowhere\", which cannot be read"},
           {"type = 'http'\nurl = 'https://hook.example/'\nconcurrency = 0",
            "c.toml:4:15: auth.source[1].concurrency is 0"},
           {"type = 'http'\nurl = 'https://hook.example/'\nname = 'a b'",
            "c.toml:4:8: auth.source[1].name is \"a b\"; expected a name of letters"},
           {"type = 'kubernetes'",
            "auth.source[1].ca is not said, and \"/var/run/secrets/kubernetes.io/serviceaccount/"
            "ca.crt\" cannot be read: this is no pod of a cluster"},
           {"type = 'network'\nuser = 'n'\nsenders = ['*']",
            "c.toml:1:1: auth.source[1].networks is missing"},
           {"type = 'network'\nnetworks = []\nuser = 'n'\nsenders = ['*']",
            "c.toml:3:12: auth.source[1].networks is"},
           {"type = 'network'\nnetworks = ['10.0.0.1/8']\nuser = 'n'\nsenders = ['*']",
            "c.toml:3:13: auth.source[1].networks[1] is \"10.0.0.1/8\""},
           {"type = 'network'\nnetworks = ['::/0']\nuser = 'n'\nsenders = ['*']",
            "c.toml:3:12: auth.source[1].networks has ::/0, which is too many to know them"},
           {"type = 'network'\nnetworks = ['0.0.0.0/1', '128.0.0.0/1']\nuser = 'n'\nsenders = "
            "['*']",
            "c.toml:3:12: auth.source[1].networks has 0.0.0.0/1, which is too many to know them"},
           {"type = 'network'\nnetworks = ['10.0.0.0/8']\nsenders = ['*']",
            "c.toml:1:1: auth.source[1].user is missing"},
           {"type = 'network'\nnetworks = ['10.0.0.0/8']\nuser = 'n'",
            "c.toml:1:1: auth.source[1].senders is not said, and no [[auth.user]] match or "
            "[[auth.group]] gives any"},
           {"type = 'passwd'\npath = '/etc/jwks.json'\nformat = 'htpasswd'\ngrace = '1h'",
            "c.toml:5:9: auth.source[1].grace means nothing with type = \"passwd\""}}) {
    EXPECT_THAT(problems_of("[[auth.source]]\n" + std::string(each.text)),
                testing::Contains(HasSubstr(each.problem)))
        << each.text;
  }
  EXPECT_THAT(problems_of("[[auth.source]]\ntype = 'http'\nurl = 'https://a.example'\n"
                          "[[auth.source]]\ntype = 'http'\nurl = 'https://b.example'\n"),
              ElementsAre(HasSubstr("c.toml:5:8: auth.source[2].type is \"http\"")));
  EXPECT_THAT(problems_of("[[auth.group]]\nsenders = ['a']\n[[auth.group]]\nname = 'a'\n"
                          "[[auth.group]]\nname = 'a'\n"),
              ElementsAre(HasSubstr("c.toml:1:1: auth.group[1].name is missing"),
                          HasSubstr("nobody could log in"),
                          HasSubstr("c.toml:2:12: auth.group[1].senders[1]"),
                          HasSubstr("c.toml:6:8: auth.group[3].name is \"a\"")));
}

TEST(AskedSource, NoSecretIsInAProblem) {
  for (const std::string& problem :
       problems_of("[[auth.source]]\ntype = 'http'\nurl = 'https://a.example'\n"
                   "token = \"hunter2\\nhunter2\"\n")) {
    EXPECT_THAT(problem, testing::Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace sallyport::config
