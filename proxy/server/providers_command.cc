#include "proxy/server/providers_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "proxy/config/load.h"
#include "proxy/config/nearest.h"
#include "proxy/config/provider.h"
#include "proxy/config/values.h"
#include "proxy/relay/provider.h"
#include "proxy/server/outside.h"

namespace sallyport::server {
namespace {

using config::Meaning;
using config::Provider;
using relay::Stage;

// The stages that replies can be for, in the order in which `explain` tries them.
constexpr auto kStages = std::to_array<std::pair<std::string_view, Stage>>({
    {"end", Stage::kEnd},
    {"mail", Stage::kMail},
    {"auth", Stage::kAuth},
    {"data", Stage::kData},
    {"rcpt", Stage::kRcpt},
    {"greeting", Stage::kGreeting},
    {"ehlo", Stage::kEhlo},
    {"starttls", Stage::kTls},
    {"rset", Stage::kRset},
});
static_assert(kStages.size() == config::kReplyStages.size());

std::shared_ptr<const Provider> provider_named(const std::string& name) {
  auto provider = config::built_in_provider(name);
  if (provider) return provider;
  std::vector<std::string_view> names;
  for (const auto& known : config::built_in_providers()) names.push_back(known->name);
  std::fprintf(stderr, "sallyport: there is no provider \"%s\"; expected %s\n", name.c_str(),
               config::list(names, '"', "or").c_str());
  return nullptr;
}

std::string ports(const Provider& provider) {
  std::string text;
  if (!provider.implicit_ports.empty()) {
    text += fmt::format("{} (implicit TLS)", fmt::join(provider.implicit_ports, " "));
  }
  if (!provider.starttls_ports.empty()) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} (STARTTLS)", fmt::join(provider.starttls_ports, " "));
  }
  return text;
}

std::string hosts(const Provider& provider) {
  if (provider.region_hosts.empty()) return provider.host.empty() ? "said by you" : provider.host;
  std::string text;
  for (const auto& [region, host] : provider.region_hosts) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", host, region);
  }
  return text;
}

void print_all() {
  for (const auto& provider : config::built_in_providers()) {
    std::printf("%-18s %-34s %s\n", provider->name.c_str(), provider->title.c_str(),
                provider->capture ? "" : hosts(*provider).c_str());
  }
}

void print_one(const Provider& provider) {
  const auto row = [](const char* title, const std::string& text) {
    if (!text.empty()) std::printf("%-14s %s\n", title, text.c_str());
  };
  row("provider", provider.name);
  row("name", provider.title);
  row("checked", provider.checked);
  if (provider.capture) return;
  row("host", hosts(provider));
  row("ports", ports(provider));
  row("tls", provider.tls == config::TlsMode::kStarttls ? "starttls" : "implicit");
  row("username", provider.username.empty() ? provider.username_hint : provider.username);
  row("tokens", provider.token_url);
  if (provider.takes_secret_access_key) row("password", "or secret_access_key, which derives it");
  for (const config::HeaderField& field : provider.headers) {
    row("adds", fmt::format("{}: {}", field.name, field.text));
  }
  row("caps",
      fmt::format("{} recipients and {} a message, {} connections, {} messages a connection, idle "
                  "{}, age {}",
                  provider.max_recipients,
                  provider.max_message_size == 0
                      ? "any size"
                      : fmt::format("{} octets", provider.max_message_size),
                  provider.max_connections, provider.max_messages_per_connection,
                  config::str(provider.idle_timeout), config::str(provider.max_connection_age)));
  row("message id", provider.id_is_message_id
                        ? "the Message-ID field"
                        : fmt::format("{}", fmt::join(provider.id_after, ", ")));
  row("spf include", fmt::format("{}", fmt::join(provider.sender.spf, ", ")));
  row("dkim selector", fmt::format("{}", fmt::join(provider.sender.dkim_selectors, ", ")));
  row("", provider.sender.dkim_hint);
  if (provider.sender.replaces_reverse_path) row("reverse-path", "replaced by one of its own");
  for (const config::ReplyRule& rule : provider.replies) {
    std::string known_by;
    if (rule.code != 0) known_by += fmt::format("{} ", rule.code);
    if (!rule.enhanced.empty()) known_by += rule.enhanced + ' ';
    row("reply",
        fmt::format("{}\"{}\": {}: {}", known_by, rule.text, config::name(rule.meaning), rule.why));
  }
}

/// What is done, and what the client hears when no other upstream is left.
std::pair<std::string_view, std::string_view> consequences(Meaning meaning,
                                                           const smtp::Reply& reply) {
  switch (meaning) {
    case Meaning::kThrottled:
      return {"the next upstream of the route is asked; this one rests for seconds", "451 4.4.5"};
    case Meaning::kConnections:
      return {"fewer connections are opened for a while; the next upstream of the route is asked",
              "451 4.4.5"};
    case Meaning::kQuota:
      return {"the next upstream of the route is asked; this one rests for minutes", "451 4.4.5"};
    case Meaning::kCredentials:
      return {
          "the next upstream of the route is asked; an error line and "
          "sallyport_upstream_auth_failures_total tell the operator",
          "451 4.7.0"};
    case Meaning::kAccount:
    case Meaning::kSender:
      return {
          "the next upstream of the route is asked; an error line and "
          "sallyport_upstream_account_failures_total tell the operator",
          "451 4.7.0"};
    case Meaning::kPermanent:
      return {"the message is refused: no other try can help", "554"};
    case Meaning::kSuppressed:
      return {"the recipient counts as refused: the provider will not send to it", "550 5.7.1"};
    case Meaning::kPlain:
      break;
  }
  if (reply.is_positive()) return {"the command succeeded", "the provider's reply"};
  if (reply.is_permanent()) return {"the message is refused", "the provider's reply"};
  return {"the next upstream of the route is asked", "451"};
}

std::optional<smtp::Reply> parse(std::string_view text) {
  const std::string wire = std::string(text) + "\r\n";
  std::string_view rest = wire;
  auto reply = smtp::ReplyParser().feed(rest);
  return reply ? std::move(*reply) : std::nullopt;
}

/// The meaning at the stage that is named, or at the first one that a rule fits.
std::pair<std::string_view, relay::Reading> read(const Provider& provider, const smtp::Reply& reply,
                                                 std::string_view wanted) {
  std::pair<std::string_view, relay::Reading> by_code;
  for (const auto& [name, stage] : kStages) {
    if (!wanted.empty() && wanted != name) continue;
    const relay::Reading reading = relay::read_reply(provider, stage, reply);
    if (reading.rule) return {name, reading};
    if (by_code.first.empty()) by_code = {name, reading};
  }
  return by_code;
}

std::shared_ptr<const Provider> provider_of(const ExplainCommand& command, ExitCode& code) {
  code = kUsage;
  if (command.upstream.empty()) {
    return provider_named(command.provider.empty() ? "smtp" : command.provider);
  }
  const auto loaded = config::load(command.config, real_outside());
  if (!loaded) {
    code = kBadConfig;
    for (const config::Problem& problem : loaded.error()) {
      std::fprintf(stderr, "%s\n", problem.str().c_str());
    }
    return nullptr;
  }
  for (const config::Upstream& upstream : loaded->upstreams) {
    if (upstream.name == command.upstream) return upstream.provider;
  }
  std::fprintf(stderr, "sallyport: %s has no upstream \"%s\"\n", command.config.c_str(),
               command.upstream.c_str());
  return nullptr;
}

}  // namespace

ExitCode print_providers(const ProvidersCommand& command) {
  if (command.name.empty()) {
    print_all();
    return kOk;
  }
  const auto provider = provider_named(command.name);
  if (!provider) return kUsage;
  print_one(*provider);
  return kOk;
}

ExitCode explain_reply(const ExplainCommand& command) {
  ExitCode code = kOk;
  const auto provider = provider_of(command, code);
  if (!provider) return code;
  const auto reply = parse(command.reply);
  if (!reply) {
    std::fprintf(stderr,
                 "sallyport: this is no SMTP reply; expected a code and text, such as \"454 4.7.0 "
                 "Too fast\"\n");
    return kUsage;
  }
  const auto [stage, reading] = read(*provider, *reply, command.stage);
  const auto [done, heard] = consequences(reading.meaning, *reply);
  std::printf("meaning  %s\n", std::string(config::name(reading.meaning)).c_str());
  if (reading.rule) {
    std::printf("why      %s\nrule     %s\n", reading.rule->why.c_str(),
                reading.rule->source.c_str());
  } else {
    std::printf("why      no rule of \"%s\" fits: the code alone decides\n",
                provider->name.c_str());
  }
  const bool asks_another = done.starts_with("the next upstream") || done.contains("; the next");
  std::printf("stage    %s\nthen     %s\nclient   hears %s%s\n", std::string(stage).c_str(),
              std::string(done).c_str(), std::string(heard).c_str(),
              asks_another ? ", if no other upstream takes the message" : "");
  return kOk;
}

}  // namespace sallyport::server
