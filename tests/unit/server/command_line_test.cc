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
  EXPECT_TRUE(std::holds_alternative<HashPasswordCommand>(parse({"hash-password"})));
  EXPECT_TRUE(std::holds_alternative<VersionCommand>(parse({"version"})));
}

TEST(CommandLine, HelpIsNoError) {
  EXPECT_EQ(printed({"--help"}).exit_code, kOk);
  EXPECT_NE(printed({"--help"}).text.find("Exit codes"), std::string::npos);
  EXPECT_NE(printed({"run", "--help"}).text.find("--config"), std::string::npos);
}

TEST(CommandLine, WhatIsNotUnderstoodExitsWith64AndSaysWhat) {
  EXPECT_EQ(printed({}).exit_code, kUsage);
  EXPECT_EQ(printed({"fly"}).exit_code, kUsage);
  EXPECT_NE(printed({"run", "--confg", "x"}).text.find("--confg"), std::string::npos);
}

TEST(CommandLine, TakesNoPasswordAsAnArgument) {
  EXPECT_EQ(printed({"hash-password", "hunter2"}).exit_code, kUsage);
}

}  // namespace
}  // namespace sallyport::server
