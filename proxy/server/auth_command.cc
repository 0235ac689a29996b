#include "proxy/server/auth_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "auth/password_hash.h"
#include "auth/source_list.h"
#include "auth/sources/make_sources.h"
#include "auth/user_table.h"
#include "proxy/config/load.h"
#include "proxy/runtime/loop.h"
#include "proxy/server/hash_password.h"
#include "proxy/server/outside.h"

namespace sallyport::server {
namespace {

void say(const std::string& line) { std::fputs((line + '\n').c_str(), stdout); }

ExitCode complain(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    std::fputs((problem.str() + '\n').c_str(), stderr);
  }
  return kBadConfig;
}

std::string rights_of(const config::User& user) {
  std::string senders;
  for (const auto& sender : user.senders) senders += ' ' + sender.text();
  std::string groups;
  for (const auto& group : user.groups) groups += ' ' + group;
  return fmt::format("may send as:{}; groups:{}", senders.empty() ? " anybody" : senders,
                     groups.empty() ? " none" : groups);
}

/// What one of our own users hears.
ExitCode ask_our_own(const config::User& user, const Secret& secret) {
  const auto matches = auth::verify_password(user.password_hash, secret);
  if (!matches) {
    say("file: it cannot be checked: " + matches.error().text);
    return kFailure;
  }
  say(fmt::format("file: '{}' is one of our own users; no other source is asked", user.name));
  say(*matches ? "file: accepted; " + rights_of(user) : "file: rejected: the password is wrong");
  return *matches ? kOk : kFailure;
}

runtime::Task<ExitCode> ask_sources(runtime::Loop& loop, const auth::SourceList& sources,
                                    const auth::UserTable& users, auth::Question question) {
  for (const auto& source : sources.all()) {
    if (!source->takes(question)) {
      say(source->name() + ": not asked: it takes tokens, and this is none");
      continue;
    }
    const auth::Answer answer = co_await source->ask(loop, question);
    if (const auto* away = std::get_if<auth::Away>(&answer)) {
      say(source->name() + ": it cannot say: " + away->reason);
    } else if (const auto* refused = std::get_if<auth::Refused>(&answer)) {
      say(source->name() + ": rejected: " + refused->reason);
    } else {
      const auth::Granted& grant = std::get<auth::Granted>(answer);
      const auto user = users.user_of(*grant);
      if (!user) {
        say(fmt::format("{}: accepted as '{}', which is one of our own users: rejected",
                        source->name(), grant->name));
        co_return kFailure;
      }
      say(fmt::format("{}: accepted as '{}'; {}", source->name(), grant->name, rights_of(*user)));
      co_return kOk;
    }
  }
  say("nobody lets it in");
  co_return kFailure;
}

}  // namespace

ExitCode try_login(const AuthCommand& command) {
  const config::Outside outside = real_outside();
  auto config = config::load(command.config, outside);
  if (!config) return complain(config.error());
  auto files = auth::read_sources(*config, outside);
  if (!files) return complain(files.error());
  std::vector<config::User> all = config->auth.users;
  all.insert(all.end(), config->auth.file_users.begin(), config->auth.file_users.end());
  const auto users =
      auth::UserTable::build(std::move(all), {.rules = config->auth.rules,
                                              .group_rules = config->auth.group_rules,
                                              .limits = config->limits});
  if (!users) {
    std::fprintf(stderr, "sallyport: %s\n", users.error().text.c_str());
    return kBadConfig;
  }
  auto secret = read_known_password();
  if (!secret) {
    std::fprintf(stderr, "sallyport: auth: %s\n", secret.error().text.c_str());
    return kFailure;
  }
  if (const auto user = (*users)->find(command.user)) return ask_our_own(*user, *secret);
  say(fmt::format("file: there is no user '{}'", command.user));
  auth::SourcesInForce sources({});
  (void)sources.replace(*files);
  runtime::Loop loop;
  auth::Question question{.name = command.user,
                          .secret = std::move(*secret),
                          .mechanism = "PLAIN",
                          .client = IpAddress::parse("127.0.0.1").value_or(IpAddress())};
  return loop.run(ask_sources(loop, *sources.list(), **users, std::move(question)));
}

}  // namespace sallyport::server
