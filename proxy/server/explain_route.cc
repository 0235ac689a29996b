#include "proxy/server/explain_route.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/config/load.h"
#include "proxy/config/values.h"
#include "proxy/relay/conditions.h"
#include "proxy/relay/router.h"
#include "proxy/server/outside.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::server {
namespace {

const config::User* user_named(const config::Config& config, std::string_view name) {
  for (const auto* users : {&config.auth.users, &config.auth.file_users}) {
    for (const config::User& user : *users) {
      if (ascii::equals_ignoring_case(user.name, name)) return &user;
    }
  }
  return nullptr;
}

Result<smtp::Mailbox> read_address(std::string_view option, const std::string& text) {
  auto mailbox = smtp::parse_mailbox(text, true);
  if (!mailbox)
    return fail(ErrorCode::kInvalid,
                fmt::format("{} \"{}\": {}", option, text, mailbox.error().text));
  return mailbox;
}

Result<message::Envelope> read_envelope(const ExplainRouteCommand& command) {
  message::Envelope envelope;
  if (!command.from.empty() && command.from != "<>") {
    auto from = read_address("--from", command.from);
    if (!from) return fail(from.error());
    envelope.reverse_path.mailbox = std::move(*from);
  }
  for (const std::string& each : command.to) {
    auto to = read_address("--to", each);
    if (!to) return fail(to.error());
    envelope.recipients.push_back({std::move(*to)});
  }
  return envelope;
}

Result<std::vector<config::HeaderField>> read_fields(const ExplainRouteCommand& command) {
  std::vector<config::HeaderField> fields;
  bool has_author = false;
  for (const std::string& line : command.header) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("--header \"{}\": expected \"NAME: TEXT\"", line));
    }
    std::string name(ascii::trim(line.substr(0, colon)));
    has_author |= ascii::equals_ignoring_case(name, "From");
    fields.push_back(
        {.name = std::move(name), .text = std::string(ascii::trim(line.substr(colon + 1)))});
  }
  if (!has_author && !command.from.empty())
    fields.push_back({.name = "From", .text = command.from});
  return fields;
}

/// `ses (3 of 4) or mailgun (1 of 4), then smarthost`.
std::string in_words(const config::Config& config, const config::Route& route) {
  std::string text;
  const auto& targets = route.upstreams;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto priority = targets[i].priority;
    const auto is_equal = [priority](const config::Target& other) {
      return other.priority == priority;
    };
    std::uint64_t sum = 0;
    for (const config::Target& other : targets) sum += is_equal(other) ? other.weight : 0;
    const bool shared = std::ranges::count_if(targets, is_equal) > 1;
    if (i > 0) text += targets[i - 1].priority == priority ? " or " : ", then ";
    text += config.upstreams[targets[i].upstream].name;
    if (shared) text += fmt::format(" ({} of {})", targets[i].weight, sum);
  }
  return text;
}

std::string heading(const config::Route& route, std::size_t index) {
  return route.name.empty() ? fmt::format("route {}", index + 1)
                            : fmt::format("route {} \"{}\"", index + 1, route.name);
}

}  // namespace

Result<std::string> explain_route(const config::Config& config,
                                  const ExplainRouteCommand& command) {
  const auto envelope = read_envelope(command);
  if (!envelope) return fail(envelope.error());
  const auto fields = read_fields(command);
  if (!fields) return fail(fields.error());
  std::optional<config::Endpoint> listener;
  if (!command.listener.empty()) {
    auto read = config::parse_endpoint(command.listener);
    if (!read) return fail(read.error().code, "--listener: expected " + read.error().text);
    listener = std::move(*read);
  }

  std::string text;
  relay::Caller caller{.user = command.user};
  caller.listener = listener ? &*listener : nullptr;
  if (const config::User* user = user_named(config, command.user)) {
    caller.groups = user->groups;
    caller.labels = user->labels;
    if (!user->groups.empty()) text += fmt::format("groups: {}\n", fmt::join(user->groups, ", "));
  } else if (!command.user.empty()) {
    text +=
        fmt::format("no user \"{}\" is configured: it has no groups and no labels\n", command.user);
  }
  const relay::Traits traits{.envelope = *envelope, .size = command.size, .fields = *fields};
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const config::Route& route = config.routes[i];
    auto unmet = relay::unmet_by_sender(route, envelope->reverse_path, caller);
    if (unmet.empty()) unmet = relay::unmet_by_message(route, traits);
    if (!unmet.empty()) {
      text += fmt::format("{}: no: {}\n", heading(route, i), unmet);
      continue;
    }
    return text +
           fmt::format("{}: taken\nupstreams: {}\n", heading(route, i), in_words(config, route));
  }
  return text + "no route is left: the client hears 451 4.4.4\n";
}

ExitCode print_route(const ExplainRouteCommand& command) {
  const auto config = config::load(command.config, real_outside());
  if (!config) {
    for (const config::Problem& problem : config.error()) {
      std::fprintf(stderr, "%s\n", problem.str().c_str());
    }
    return kBadConfig;
  }
  const auto text = explain_route(*config, command);
  if (!text) {
    std::fprintf(stderr, "sallyport: %s\n", text.error().text.c_str());
    return kUsage;
  }
  std::fputs(text->c_str(), stdout);
  return kOk;
}

}  // namespace sallyport::server
