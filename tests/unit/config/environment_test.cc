// Configuration out of environment variables, with and without a file.
#include "proxy/config/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "proxy/config/load.h"

namespace sallyport::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHash =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct World {
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;

  Outside outside() const {
    return {.read_file = [this](const std::string& path) -> Result<std::string> {
              const auto file = files.find(path);
              if (file != files.end()) return file->second;
              return fail(ErrorCode::kSystem, std::generic_category().message(ENOENT));
            },
            .environment = [this](const std::string& name) -> std::optional<std::string> {
              const auto found = variables.find(name);
              if (found == variables.end()) return std::nullopt;
              return found->second;
            },
            .host_name = [] { return std::optional<std::string>("pod.example"); },
            .environment_names =
                [this] {
                  std::vector<std::string> names;
                  for (const auto& [name, value] : variables) names.push_back(name);
                  return names;
                },
            .hash_password = [](const Secret&) -> Result<std::string> { return kHash; }};
  }

  Config load() const {
    auto config = config::load("c.toml", outside());
    if (config) return *std::move(config);
    for (const Problem& problem : config.error()) ADD_FAILURE() << problem.str();
    return {};
  }

  std::vector<std::string> problems() const {
    const auto config = config::load("c.toml", outside());
    if (config) return {"accepted"};
    std::vector<std::string> texts;
    for (const Problem& problem : config.error()) texts.push_back(problem.str());
    return texts;
  }
};

World simple() {
  return {.variables = {{"SALLYPORT_PROVIDER", "ses"},
                        {"SALLYPORT_REGION", "eu-west-1"},
                        {"SALLYPORT_USERNAME", "AKIAEXAMPLE"},
                        {"SALLYPORT_PASSWORD", "hunter2"},
                        {"SALLYPORT_USERS", "app:secret"}},
          .files = {}};
}

TEST(Environment, IsEnoughForTheSimpleCase) {
  const Config config = simple().load();
  EXPECT_EQ(config.file, "environment");
  EXPECT_EQ(config.hostname, "pod.example");
  ASSERT_EQ(config.listeners.size(), 3u);
  EXPECT_EQ(config.listeners[0].address, (Endpoint{"::", 465}));
  EXPECT_EQ(config.listeners[0].tls, TlsMode::kImplicit);
  EXPECT_EQ(config.listeners[2].tls, TlsMode::kStarttls);
  EXPECT_TRUE(config.tls.self_signed);
  ASSERT_EQ(config.auth.users.size(), 1u);
  EXPECT_EQ(config.auth.users[0].name, "app");
  EXPECT_EQ(config.auth.users[0].password_hash, kHash);
  EXPECT_TRUE(config.auth.users[0].senders.empty());
  ASSERT_EQ(config.upstreams.size(), 1u);
  EXPECT_EQ(config.upstreams[0].host, "email-smtp.eu-west-1.amazonaws.com");
  EXPECT_EQ(config.upstreams[0].password.reveal(), "hunter2");
  ASSERT_TRUE(config.admin);
  EXPECT_EQ(config.admin->port, 9465);
}

TEST(Environment, HasWhatElseTheSimpleCaseNeeds) {
  World world = simple();
  world.files = {{"tls.crt", "x"}, {"tls.key", "x"}, {"/secret", "from a file\n"}};
  world.variables.insert({{"SALLYPORT_HOSTNAME", "mail.example.com"},
                          {"SALLYPORT_TLS_CERTIFICATE", "tls.crt"},
                          {"SALLYPORT_TLS_KEY", "tls.key"},
                          {"SALLYPORT_PASSWORD_FILE", "/secret"},
                          {"SALLYPORT_SENDERS", "*@example.com, ops@example.org"},
                          {"SALLYPORT_LIMITS_MESSAGES", "100/minute"},
                          {"SALLYPORT_ADMIN", "0.0.0.0:9000"}});
  world.variables["SALLYPORT_USERS"] = "app:secret\nother:" + std::string(kHash);
  const Config config = world.load();
  EXPECT_EQ(config.hostname, "mail.example.com");
  EXPECT_FALSE(config.tls.self_signed);
  EXPECT_EQ(config.upstreams[0].password.reveal(), "from a file");
  ASSERT_EQ(config.auth.users.size(), 2u);
  EXPECT_EQ(config.auth.users[1].password_hash, kHash);
  EXPECT_EQ(config.auth.users[1].senders.size(), 2u);
  ASSERT_TRUE(config.auth.users[0].limits.messages);
  EXPECT_EQ(config.admin->port, 9000);
}

TEST(Environment, ProblemsNameTheVariable) {
  World world = simple();
  world.variables["SALLYPORT_SENDERS"] = "*@example.com,@";
  world.variables["SALLYPORT_LIMITS_MESSAGES"] = "many";
  EXPECT_THAT(world.problems(),
              testing::UnorderedElementsAre(
                  HasSubstr("SALLYPORT_SENDERS: auth.user[1].senders[2] is \"@\""),
                  HasSubstr("SALLYPORT_LIMITS_MESSAGES: limits.messages is \"many\"")));
}

TEST(Environment, SaysWhatIsMissing) {
  World world = simple();
  world.variables.erase("SALLYPORT_USERS");
  EXPECT_THAT(world.problems(), ElementsAre("SALLYPORT_USERS: is not set; expected users, each as "
                                            "name:password, or SALLYPORT_USERS_FILE"));
  world = simple();
  world.variables["SALLYPORT_USERS"] = "app";
  EXPECT_THAT(world.problems(),
              ElementsAre(HasSubstr("SALLYPORT_USERS: has a word that is no user")));
  world = simple();
  world.variables.erase("SALLYPORT_PASSWORD");
  EXPECT_THAT(world.problems(),
              ElementsAre(HasSubstr("SALLYPORT_PROVIDER: upstream[1].password is missing")));
  world = simple();
  world.variables["SALLYPORT_PASWORD"] = "x";
  EXPECT_THAT(world.problems(),
              ElementsAre("SALLYPORT_PASWORD: is not known; did you mean SALLYPORT_PASSWORD?"));
}

TEST(Environment, WhatKubernetesSetsForAServiceIsNotOurs) {
  World world = simple();
  world.variables["SALLYPORT_SERVICE_HOST"] = "10.0.0.1";
  world.variables["SALLYPORT_PORT"] = "tcp://10.0.0.1:587";
  world.variables["SALLYPORT_PORT_587_TCP_ADDR"] = "10.0.0.1";
  EXPECT_THAT(world.problems(), ElementsAre("accepted"));
}

TEST(Environment, NeverQuotesASecret) {
  World world = simple();
  world.variables["SALLYPORT_USERS"] = "app:hunter2 hunter3";
  world.variables["SALLYPORT_PROVIDER"] = "smtpp";
  for (const std::string& problem : world.problems()) {
    EXPECT_THAT(problem, testing::Not(HasSubstr("hunter")));
  }
}

const std::string kFile =
    "[[listener]]\naddress = '127.0.0.1:2525'\ntls = 'none'\n"
    "[[auth.user]]\nname = 'a'\npassword = '" +
    std::string(kHash) +
    "'\n"
    "[[upstream]]\nname = 'u'\nprovider = 'smtp'\nhost = 'h.example'\n";

TEST(Environment, BesideAFileOverrulesItsKeys) {
  World world{.variables = {{"SALLYPORT__HOSTNAME", "other.example"},
                            {"SALLYPORT__WORKERS", "3"},
                            {"SALLYPORT__UPSTREAM__1__PORT", "2465"},
                            {"SALLYPORT__UPSTREAM__2__NAME", "v"},
                            {"SALLYPORT__UPSTREAM__2__PROVIDER", "smtp"},
                            {"SALLYPORT__UPSTREAM__2__HOST", "i.example"},
                            {"SALLYPORT__SESSION__MAX_RECIPIENTS", "7"},
                            {"SALLYPORT__AUTH__MECHANISMS", "[\"PLAIN\"]"},
                            {"SALLYPORT__LOG__LEVEL", "debug"}},
              .files = {{"c.toml", kFile}}};
  const Config config = world.load();
  EXPECT_EQ(config.hostname, "other.example");
  EXPECT_EQ(config.workers, 3u);
  ASSERT_EQ(config.upstreams.size(), 2u);
  EXPECT_EQ(config.upstreams[0].port, 2465);
  EXPECT_EQ(config.upstreams[1].host, "i.example");
  EXPECT_EQ(config.session.max_recipients, 7u);
  EXPECT_THAT(config.auth.mechanisms, ElementsAre("PLAIN"));
}

TEST(Environment, BesideAFileProblemsNameVariableOrLine) {
  World world{.variables = {{"SALLYPORT__WORKERS", "many"},
                            {"SALLYPORT__UPSTRAEM__1__PORT", "25"},
                            {"SALLYPORT__UPSTREAM__4__PORT", "25"},
                            {"SALLYPORT_PROVIDER", "ses"}},
              .files = {{"c.toml", kFile}}};
  EXPECT_THAT(world.problems(),
              ElementsAre(HasSubstr("SALLYPORT_PROVIDER: means nothing where there is a "
                                    "configuration file, c.toml")));
  world.variables.erase("SALLYPORT_PROVIDER");
  world.files["c.toml"] += "port = 'x'\n";
  EXPECT_THAT(world.problems(),
              testing::UnorderedElementsAre(
                  HasSubstr("SALLYPORT__WORKERS: workers is \"many\""),
                  HasSubstr("SALLYPORT__UPSTRAEM__1__PORT: unknown key 'upstraem'"),
                  HasSubstr("SALLYPORT__UPSTREAM__4__PORT: names no place"),
                  HasSubstr("c.toml:11:8: upstream[1].port is \"x\"")));
}

TEST(Environment, AFileMayNameItsVariables) {
  World world{.variables = {{"SALLYPORT_PASSWORD", "hunter2"}, {"SALLYPORT_CACHE", "/tmp"}},
              .files = {{"c.toml", kFile + "username = 'u'\n"
                                           "password = { env = 'SALLYPORT_PASSWORD' }\n"}}};
  EXPECT_EQ(world.load().upstreams[0].password.reveal(), "hunter2");
}

TEST(Environment, WithoutProviderAMissingFileIsMissing) {
  EXPECT_THAT(World().problems(), ElementsAre(HasSubstr("c.toml: cannot be read: No such file")));
}

}  // namespace
}  // namespace sallyport::config
