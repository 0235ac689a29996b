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
struct HashPasswordCommand {
  bool scram = false;  ///< A SCRAM verifier in place of an argon2id hash.
};
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
/// What became of messages, asked of a running sallyport. What is empty is not asked for.
struct TraceCommand {
  std::string id;
  std::string message_id;
  std::string user;
  std::string to;
  unsigned last = 20;  ///< At most so many, the newest ones.
  bool json = false;
  std::string config;
  std::string socket;  ///< Empty: the one that `config` names.
};
/// What is used of `[[limit]]` tables, asked of a running sallyport.
struct LimitsCommand {
  std::string user;   ///< Of this subject only; empty: of all.
  std::string reset;  ///< Forget what this subject used; empty: forget nothing.
  std::string limit;  ///< Of this limit only; empty: of all.
  bool json = false;
  std::string config;
  std::string socket;  ///< Empty: the one that `config` names.
};
/// Whether upstreams and the DNS of sender domains are as they should be.
struct DoctorCommand {
  std::string config;
  std::string upstream;              ///< Empty: all.
  std::vector<std::string> domains;  ///< Beside those of the configuration.
  std::string name_servers;          ///< `ADDRESS[:PORT],…`; empty: those of the machine.
  bool json = false;
};
/// One message on its way, by the gate as `user`, or by the upstreams alone.
struct SendCommand {
  std::string config;
  std::string to;
  std::string from;  ///< Empty: one that the user may use.
  std::string user;
  std::string listener;       ///< Empty: the first that will do.
  std::string password_file;  ///< Both empty: from the terminal or standard input.
  std::string password_env;
};
/// One login, tried by the sources of `config`.
struct AuthCommand {
  std::string config;
  std::string user;
};
struct VersionCommand {};
/// Nothing to do but print: help on standard output, or what was wrong on standard error.
struct PrintCommand {
  std::string text;
  ExitCode exit_code = kOk;
};

using CommandLine =
    std::variant<RunCommand, CheckCommand, HashPasswordCommand, ProvidersCommand, ExplainCommand,
                 ExplainRouteCommand, TraceCommand, LimitsCommand, DoctorCommand, SendCommand,
                 AuthCommand, VersionCommand, PrintCommand>;

/// Reads the arguments of `main`.
CommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace sallyport::server
