#include "proxy/server/command_line.h"

#include <gtest/gtest.h>

#include <vector>

namespace sallyport::server {
namespace {

CommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "sallyport");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

PrintCommand printed(std::vector<const char*> arguments) {
  return std::get<PrintCommand>(parse(std::move(arguments)));
}

TEST(CommandLine, ReadsEverySubcommand) {
  EXPECT_EQ(std::get<RunCommand>(parse({"run", "--config", "a.toml"})).config, "a.toml");
  EXPECT_EQ(std::get<RunCommand>(parse({"run"})).config, "/etc/sallyport/sallyport.toml");
  EXPECT_EQ(std::get<CheckCommand>(parse({"check", "-c", "b.toml"})).config, "b.toml");
  EXPECT_EQ(std::get<CheckCommand>(parse({"check"})).users, "");
  EXPECT_FALSE(std::get<CheckCommand>(parse({"check"})).offline);
  EXPECT_TRUE(std::get<CheckCommand>(parse({"check", "--offline"})).offline);
  EXPECT_EQ(std::get<CheckCommand>(parse({"check", "--users", "u.toml"})).users, "u.toml");
  EXPECT_TRUE(std::holds_alternative<HashPasswordCommand>(parse({"hash-password"})));
  const auto trace = std::get<TraceCommand>(
      parse({"trace", "1ABC", "--user", "u", "--to", "t", "--message-id", "m", "--last", "3",
             "--json", "--socket", "s", "-c", "c.toml"}));
  EXPECT_EQ(trace.id, "1ABC");
  EXPECT_EQ(trace.user + trace.to + trace.message_id, "utm");
  EXPECT_EQ(trace.last, 3u);
  EXPECT_TRUE(trace.json);
  EXPECT_EQ(trace.socket, "s");
  EXPECT_EQ(trace.config, "c.toml");
  const auto limits = std::get<LimitsCommand>(
      parse({"limits", "--reset", "r", "--limit", "l", "--socket", "s", "-c", "c.toml"}));
  EXPECT_EQ(limits.reset + limits.limit + limits.socket + limits.config, "rlsc.toml");
  EXPECT_EQ(std::get<LimitsCommand>(parse({"limits", "--user", "u", "--json"})).user, "u");
  EXPECT_EQ(printed({"limits", "--user", "u", "--reset", "u"}).exit_code, kUsage);
  EXPECT_EQ(printed({"limits", "--limit", "l"}).exit_code, kUsage);
  const auto doctor =
      std::get<DoctorCommand>(parse({"doctor", "--upstream", "u", "--domain", "a", "--domain", "b",
                                     "--name-servers", "n", "--json"}));
  EXPECT_EQ(doctor.upstream + doctor.name_servers, "un");
  EXPECT_EQ(doctor.domains, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(doctor.json);
  EXPECT_EQ(doctor.config, "/etc/sallyport/sallyport.toml");
  const auto send = std::get<SendCommand>(parse({"send", "--to", "t", "--from", "f", "--user", "u",
                                                 "--listener", "l", "--password-file", "p"}));
  EXPECT_EQ(send.to + send.from + send.user + send.listener + send.password_file, "tfulp");
  EXPECT_EQ(printed({"send"}).exit_code, kUsage);
  EXPECT_EQ(printed({"send", "--to", "t", "--password-file", "p"}).exit_code, kUsage);
  for (const char* word : {"version", "--version", "-V"}) {
    EXPECT_TRUE(std::holds_alternative<VersionCommand>(parse({word}))) << word;
  }
}

TEST(CommandLine, HelpIsNoError) {
  const std::string whole = printed({"--help"}).text;
  for (const char* word : {"--help", "-h", "help"}) {
    EXPECT_EQ(printed({word}).exit_code, kOk) << word;
    EXPECT_EQ(printed({word}).text, whole) << word;
  }
  EXPECT_EQ(printed({"help", "check"}).exit_code, kOk);
  EXPECT_NE(printed({"help", "check"}).text.find("--config"), std::string::npos);
  EXPECT_EQ(printed({"help", "chek"}).exit_code, kUsage);
  EXPECT_NE(printed({"--help"}).text.find("Exit codes"), std::string::npos);
  EXPECT_NE(printed({"run", "--help"}).text.find("--config"), std::string::npos);
}

TEST(CommandLine, WhatIsNotUnderstoodExitsWith64AndSaysWhat) {
  EXPECT_EQ(printed({}).exit_code, kUsage);
  EXPECT_EQ(printed({"fly"}).exit_code, kUsage);
  EXPECT_NE(printed({"run", "--confg", "x"}).text.find("--confg"), std::string::npos);
}

TEST(CommandLine, NamesTheUnknownWordAndWhatIsCloseToIt) {
  const struct {
    std::vector<const char*> arguments;
    const char* expected;
  } cases[] = {
      {{},
       "a command is missing; expected 'run', 'check', 'hash-password', "
       "'providers', 'explain', 'doctor', 'send', 'auth', 'trace', 'limits', 'version' or 'help'"},
      {{"foo"}, "there is no command 'foo'; expected 'run', "},
      {{"hashpassword"}, "there is no command 'hashpassword'; did you mean 'hash-password'?"},
      {{"run", "--confg", "x"}, "there is no option '--confg'; did you mean '--config'?"},
      {{"run", "--confg=x"}, "there is no option '--confg'; did you mean '--config'?"},
      {{"check", "file.toml"}, "check takes no arguments but options"},
      {{"--config", "x"}, "there is no option '--config'"},
  };
  for (const auto& c : cases) {
    const PrintCommand print = printed(c.arguments);
    EXPECT_EQ(print.exit_code, kUsage);
    EXPECT_NE(print.text.find(c.expected), std::string::npos) << print.text;
  }
}

TEST(CommandLine, ExplainsAReplyOrARoute) {
  EXPECT_EQ(std::get<ExplainCommand>(parse({"explain", "--provider", "ses", "454 x"})).reply,
            "454 x");
  const auto route = std::get<ExplainRouteCommand>(
      parse({"explain", "--to", "a@x.example", "--to", "b@x.example", "--user", "app", "--header",
             "X-Kind: bulk", "--size", "12"}));
  EXPECT_EQ(route.config, "/etc/sallyport/sallyport.toml");
  EXPECT_EQ(route.to.size(), 2u);
  EXPECT_EQ(route.header.size(), 1u);
  EXPECT_EQ(route.size, 12u);
  EXPECT_EQ(
      std::get<ExplainRouteCommand>(parse({"explain", "-c", "c.toml", "--to", "a@b.c"})).config,
      "c.toml");
  EXPECT_NE(printed({"explain"}).text.find("expected a reply, or --to"), std::string::npos);
  EXPECT_NE(printed({"explain", "-c", "c.toml", "454 x"}).text.find("--config needs --upstream"),
            std::string::npos);
  EXPECT_EQ(printed({"explain", "--user", "app"}).exit_code, kUsage);
  EXPECT_EQ(printed({"explain", "--to", "a@b.c", "--provider", "ses"}).exit_code, kUsage);
}

TEST(CommandLine, TakesNoPasswordAsAnArgument) {
  EXPECT_EQ(printed({"hash-password", "hunter2"}).exit_code, kUsage);
  EXPECT_EQ(printed({"hash-password", "hunter2"}).text.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::server
