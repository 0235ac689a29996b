#include "proxy/server/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "proxy/config/provider.h"

namespace sallyport::server {
namespace {

constexpr const char* kFooter = R"(
Exit codes:
  0   all went well
  1   something failed while running: an address could not be listened on, a drain was cut short
  2   the configuration has errors; each is printed as file:line:column: what, and what was expected
  64  the command line was not understood

Signals of `sallyport run`:
  SIGTERM, SIGINT  drain: stop accepting, finish transactions, at most drain_timeout; again: end at once
  SIGHUP           read config, users and certificates again; sessions go on; a bad file changes nothing)";

constexpr const char* kDefaultConfig = "/etc/sallyport/sallyport.toml";

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  CLI::App app("Sallyport, an authenticated SMTP submission proxy", "sallyport");
  app.require_subcommand(1);
  app.footer(kFooter);

  std::string config = kDefaultConfig;
  const auto add_config = [&config](CLI::App& command) {
    command.add_option("-c,--config", config, "The configuration file")->capture_default_str();
  };
  CLI::App& run = *app.add_subcommand("run", "Serve until SIGTERM");
  add_config(run);
  CLI::App& check = *app.add_subcommand(
      "check", "Say everything that is wrong with a configuration; exit 2 if anything is");
  add_config(check);
  CLI::App& hash = *app.add_subcommand("hash-password",
                                       "Read a password from the terminal, or the first line of "
                                       "standard input, and print its argon2id "
                                       "hash for [[auth.user]]");
  ProvidersCommand providers;
  CLI::App& list = *app.add_subcommand(
      "providers", "List the providers that are known, or say what is known of one");
  list.add_option("name", providers.name, "A provider");
  ExplainCommand explain;
  CLI::App& meaning = *app.add_subcommand(
      "explain", "Say what a reply of a provider means here, and by which rule");
  CLI::Option* const by_provider =
      meaning.add_option("--provider", explain.provider, "The provider that said it");
  CLI::Option* const by_upstream =
      meaning.add_option("--upstream", explain.upstream, "The upstream that said it");
  CLI::Option* const of_config =
      meaning.add_option("-c,--config", explain.config, "The configuration with that upstream");
  by_upstream->needs(of_config)->excludes(by_provider);
  of_config->needs(by_upstream);
  meaning.add_option("--stage", explain.stage, "The command it answers (default: any)")
      ->check(CLI::IsMember(std::vector<std::string>(config::kReplyStages.begin(),
                                                     config::kReplyStages.end())));
  meaning.add_option("reply", explain.reply, "The reply, such as \"454 Throttling failure\"")
      ->required();
  app.add_subcommand("version", "Print version and build");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const bool help = app.exit(error, out, err) == 0;
    return PrintCommand{help ? out.str() : err.str(), help ? kOk : kUsage};
  }
  if (run) return RunCommand{config};
  if (check) return CheckCommand{config};
  if (hash) return HashPasswordCommand{};
  if (list) return providers;
  if (meaning) return explain;
  return VersionCommand{};
}

}  // namespace sallyport::server
