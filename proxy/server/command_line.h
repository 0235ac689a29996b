// The command line: what was asked for, or what to say instead.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace sallyport::server {

/// Exit codes of every subcommand; `sallyport --help` and the README list them.
enum ExitCode : int {
  kOk = 0,
  kFailure =
      1,  ///< Something failed while running: cannot listen, drain cut short, no password given.
  kBadConfig = 2,  ///< The configuration has errors; each was printed as file:line:column: what.
  kUsage = 64,     ///< The command line was not understood (EX_USAGE).
};

struct RunCommand {
  std::string config;
};
struct CheckCommand {
  std::string config;
  std::string users;  ///< Not empty: this users file alone is checked.
  bool offline = false;
};
struct HashPasswordCommand {};
/// All providers, or all that is known of one.
struct ProvidersCommand {
  std::string name;  ///< Empty: all.
};
/// What a reply of a provider means. `upstream` of `config`, or else `provider`.
struct ExplainCommand {
  std::string provider;
  std::string config;
  std::string upstream;
  std::string stage;  ///< Empty: any.
  std::string reply;
};
/// Which route of `config` a message takes.
struct ExplainRouteCommand {
  std::string config = {};
  std::string user = {};
  std::string from = {};  ///< Empty or `<>`: the null reverse-path.
  std::vector<std::string> to = {};
  std::vector<std::string> header = {};  ///< `NAME: TEXT` each.
  std::string listener = {};             ///< Empty: by none.
  std::uint64_t size = 0;
};
struct VersionCommand {};
/// Nothing to do but print: help on standard output, or what was wrong on standard error.
struct PrintCommand {
  std::string text;
  ExitCode exit_code = kOk;
};

using CommandLine = std::variant<RunCommand, CheckCommand, HashPasswordCommand, ProvidersCommand,
                                 ExplainCommand, ExplainRouteCommand, VersionCommand, PrintCommand>;

/// Reads the arguments of `main`.
CommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace sallyport::server
