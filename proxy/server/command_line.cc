#include "proxy/server/command_line.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/nearest.h"
#include "proxy/config/provider.h"

namespace sallyport::server {
namespace {

constexpr const char* kFooter = R"(
Exit codes:
  0   all went well
  1   something failed while running: an address could not be listened on, a drain was cut short,
      a message was not delivered or not found; doctor found a fault
  2   the configuration has errors; each is printed as file:line:column: what, and what was expected
  64  the command line was not understood

Signals of `sallyport run`:
  SIGTERM, SIGINT  drain: stop accepting, finish transactions, at most drain_timeout; again: end at once
  SIGHUP           read config, users and certificates again; sessions go on; a bad file changes nothing)";

constexpr const char* kDefaultConfig = "/etc/sallyport/sallyport.toml";

constexpr auto kCommands = std::to_array<std::string_view>(
    {"run", "check", "hash-password", "providers", "explain", "doctor", "send", "auth", "trace",
     "limits", "version", "help"});

PrintCommand not_understood(const std::string& what) {
  return {"sallyport: " + what + "\nTry: sallyport --help\n", kUsage};
}

/// `which` of several things there are, and the nearest to `word`.
std::string unknown(std::string_view which, std::string_view word,
                    std::span<const std::string_view> known) {
  std::string text = fmt::format("there is no {} '{}'", which, word);
  if (const auto near = config::nearest(word, known)) {
    return text + fmt::format("; did you mean '{}'?", *near);
  }
  return text + fmt::format("; expected {}", config::list(known, '\'', "or"));
}

/// The options of `command`, in their long form.
std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> options;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  }
  return options;
}

/// The help of the whole or of one command.
PrintCommand help(const CLI::App& app, std::string_view command) {
  if (command.empty() || command == "help") return {app.help(), kOk};
  if (std::ranges::find(kCommands, command) == kCommands.end()) {
    return not_understood(unknown("command", command, kCommands));
  }
  return {app.get_subcommand(std::string(command))->help("sallyport"), kOk};
}

/// What was wrong with the arguments, the first of which names `command`.
PrintCommand explain(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  const std::vector<std::string> left = app.remaining(true);
  if (left.empty()) return not_understood(error.what());
  const std::string& word = left.front();
  if (!word.starts_with('-')) {
    // It is not repeated: behind hash-password it may be a password.
    return not_understood(fmt::format("{} takes no arguments but options", command.get_name()));
  }
  const std::vector<std::string> options = options_of(command);
  const std::vector<std::string_view> known(options.begin(), options.end());
  return not_understood(unknown("option", word.substr(0, word.find('=')), known));
}

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
  std::string users;
  CLI::Option* const users_alone =
      check.add_option("--users", users, "Check this users file alone, and no configuration");
  bool offline = false;
  check
      .add_flag("--offline", offline,
                "Do without the files, variables, folders and addresses that it names")
      ->excludes(users_alone);
  CLI::App& hash = *app.add_subcommand("hash-password",
                                       "Read a password from the terminal, or the first line of "
                                       "standard input, and print its argon2id "
                                       "hash for [[auth.user]]");
  HashPasswordCommand hashing;
  hash.add_flag("--scram", hashing.scram,
                "Print a verifier that logins by SCRAM can be checked with, too");
  ProvidersCommand providers;
  CLI::App& list = *app.add_subcommand(
      "providers", "List the providers that are known, or say what is known of one");
  list.add_option("name", providers.name, "A provider");
  ExplainCommand reply;
  CLI::App& meaning = *app.add_subcommand(
      "explain",
      "Say what a reply of a provider means here, and by which rule; or, with --to, which route a "
      "message takes, and why");
  CLI::Option* const by_provider =
      meaning.add_option("--provider", reply.provider, "The provider that said it");
  CLI::Option* const by_upstream =
      meaning.add_option("--upstream", reply.upstream, "The upstream that said it");
  CLI::Option* const of_config = meaning.add_option(
      "-c,--config", reply.config, "The configuration with that upstream, or with the routes");
  by_upstream->needs(of_config)->excludes(by_provider);
  meaning.add_option("--stage", reply.stage, "The command it answers (default: any)")
      ->check(CLI::IsMember(
          std::vector<std::string>(config::kReplyStages.begin(), config::kReplyStages.end())));
  CLI::Option* const replied =
      meaning.add_option("reply", reply.reply, "The reply, such as \"454 Throttling failure\"");
  ExplainRouteCommand route;
  CLI::Option* const to =
      meaning.add_option("--to", route.to, "A recipient of the message; may be repeated");
  to->excludes(replied)->excludes(by_provider)->excludes(by_upstream);
  meaning.add_option("--user", route.user, "Who sends it")->needs(to);
  meaning.add_option("--from", route.from, "Its reverse-path (default: none)")->needs(to);
  meaning.add_option("--header", route.header, "A field of it, \"NAME: TEXT\"; may be repeated")
      ->needs(to);
  meaning.add_option("--listener", route.listener, "The address of the listener it comes in by")
      ->needs(to);
  meaning.add_option("--size", route.size, "Its size in octets")->needs(to);
  DoctorCommand examined;
  CLI::App& doctor = *app.add_subcommand(
      "doctor",
      "Try out every upstream up to the login, and look at the DNS of the domains that mail is "
      "from; exit 1 if anything is wrong");
  add_config(doctor);
  doctor.add_option("--upstream", examined.upstream, "Only this upstream");
  doctor.add_option("--domain", examined.domains,
                    "A sender domain beside those of the configuration; may be repeated");
  doctor.add_option("--name-servers", examined.name_servers,
                    "Ask these in place of the machine's: ADDRESS or ADDRESS:PORT, with commas");
  doctor.add_flag("--json", examined.json, "Print JSON");
  SendCommand sent;
  CLI::App& send = *app.add_subcommand(
      "send", "Send one message and print each step with its time; exit 1 if it is not delivered");
  add_config(send);
  send.add_option("--to", sent.to, "The recipient")->required();
  send.add_option("--from", sent.from, "The sender (default: an address that the user may use)");
  CLI::Option* const as_user = send.add_option(
      "--user", sent.user,
      "Go through the gate that runs on this machine, as this user; without it the message goes "
      "by the upstreams of the configuration, and needs no gate");
  send.add_option("--listener", sent.listener, "The gate's listener to go by, ADDRESS:PORT")
      ->needs(as_user);
  CLI::Option* const by_file =
      send.add_option("--password-file", sent.password_file,
                      "The user's password (default: the terminal or standard input)")
          ->needs(as_user);
  send.add_option("--password-env", sent.password_env,
                  "The environment variable with the user's password")
      ->needs(as_user)
      ->excludes(by_file);
  TraceCommand trace;
  CLI::App& story = *app.add_subcommand(
      "trace", "Say what became of the last messages, or of those that are asked for");
  story.add_option("id", trace.id, "The id of a message: ours, or the provider's");
  story.add_option("--message-id", trace.message_id, "Its Message-ID");
  story.add_option("--user", trace.user, "Messages of this user");
  story.add_option("--to", trace.to, "Messages to this recipient");
  story.add_option("--last", trace.last, "At most so many, the newest ones")->capture_default_str();
  story.add_flag("--json", trace.json, "One JSON object a line");
  story.add_option("--socket", trace.socket,
                   "The admin socket to ask, without reading the configuration");
  add_config(story);
  LimitsCommand used;
  CLI::App& limits = *app.add_subcommand(
      "limits", "Say what is used of each [[limit]], or forget what somebody has used");
  CLI::Option* const by_subject = limits.add_option(
      "--user", used.user, "Only of this user, group, network, domain or value of labels");
  CLI::Option* const forget = limits.add_option(
      "--reset", used.reset, "Forget what this user, group, network or domain has used");
  forget->excludes(by_subject);
  limits.add_option("--limit", used.limit, "Forget it of this limit only")->needs(forget);
  limits.add_flag("--json", used.json, "One JSON object a line");
  limits.add_option("--socket", used.socket,
                    "The admin socket to ask, without reading the configuration");
  add_config(limits);
  app.add_subcommand("version", "Print version and build");
  app.add_subcommand("help", "Print this, or the help of a command");

  // The first word decides, and is looked at here: what CLI11 says of it helps nobody.
  AuthCommand login;
  CLI::App& auth = *app.add_subcommand(
      "auth",
      "Try a login by the sources of a configuration, and say what each of them says; the password "
      "or token is read from the terminal or standard input");
  add_config(auth);
  auth.add_option("--user", login.user, "The name to log in with")->required();
  if (argc < 2) {
    return not_understood("a command is missing; expected " + config::list(kCommands, '\'', "or"));
  }
  const std::string_view first = argv[1];
  if (first == "--version" || first == "-V") return VersionCommand{};
  if (first == "help") return help(app, argc > 2 ? argv[2] : "");
  if (!first.starts_with('-') && std::ranges::find(kCommands, first) == kCommands.end()) {
    return not_understood(unknown("command", first, kCommands));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    if (app.exit(error, out, err) == 0) return PrintCommand{out.str(), kOk};
    return explain(app, error);
  }
  if (run) return RunCommand{config};
  if (check) return CheckCommand{config, users, offline};
  if (hash) return hashing;
  if (list) return providers;
  if (meaning && *to) {
    route.config = *of_config ? reply.config : kDefaultConfig;
    return route;
  }
  if (meaning && !*replied) {
    return not_understood("explain: expected a reply, or --to for the route of a message");
  }
  if (meaning && *of_config && !*by_upstream) {
    return not_understood("explain: --config needs --upstream, or --to");
  }
  if (meaning) return reply;
  used.config = trace.config = examined.config = sent.config = config;
  if (doctor) return examined;
  if (send) return sent;
  login.config = config;
  if (auth) return login;
  if (story) return trace;
  if (limits) return used;
  return VersionCommand{};
}

}  // namespace sallyport::server
