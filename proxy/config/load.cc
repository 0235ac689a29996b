#include "proxy/config/load.h"

#include <fmt/format.h>

#include "proxy/config/section.h"
#include "proxy/config/sections.h"
#include "proxy/config/tree.h"

namespace sallyport::config {
namespace {

std::unexpected<std::vector<Problem>> refuse(Problems& problems) {
  return std::unexpected(std::move(problems).take());
}

std::unexpected<std::vector<Problem>> refuse(const std::string& path, const SyntaxError& error) {
  Problems problems(path);
  problems.add(error.place, error.what);
  return refuse(problems);
}

}  // namespace

std::string Problem::str() const {
  if (line == 0) return fmt::format("{}: {}", file, what);
  return fmt::format("{}:{}:{}: {}", file, line, column, what);
}

std::expected<Config, std::vector<Problem>> load(const std::string& path, const Outside& outside) {
  Result<std::string> text = outside.read_file(path);
  if (!text) {
    return std::unexpected(
        std::vector{Problem{.file = path,
                            .what = fmt::format("cannot be read: {}; expected a configuration file",
                                                text.error().text)}});
  }
  auto config = parse(*text, path, outside);
  wipe(*text);  // passwords may stand in it
  return config;
}

std::expected<Config, std::vector<Problem>> parse(std::string_view text, const std::string& path,
                                                  const Outside& outside) {
  const auto document = parse_toml(text);
  if (!document) return refuse(path, document.error());
  Problems problems(path);
  Config config;
  config.file = path;
  const Section top(*document, "", schema::kTop, problems);
  read_process(top, outside, config);
  read_listeners(top, outside, config);
  read_auth(top, outside, config);
  read_limit_rules(top, config);
  read_upstreams(top, outside, config);
  read_routes(top, config);
  read_operation(top, outside, config);
  if (!problems.empty()) return refuse(problems);
  return config;
}

std::expected<std::vector<User>, std::vector<Problem>> read_users_text(std::string_view text,
                                                                       const std::string& path,
                                                                       const Limits& defaults,
                                                                       Names& names) {
  const auto document = parse_toml(text);
  if (!document) return refuse(path, document.error());
  Problems problems(path);
  const Section top(*document, "", schema::kUsersFile, problems);
  auto users = read_users(top.tables("user", schema::kUsersFileUser), defaults, names);
  if (!problems.empty()) return refuse(problems);
  return users;
}

std::expected<std::vector<User>, std::vector<Problem>> parse_users(std::string_view text,
                                                                   const std::string& path,
                                                                   const Limits& defaults,
                                                                   std::span<const User> taken) {
  Names names(Names::Case::kIgnored);
  for (const User& user : taken) names.taken(user.name, "an [[auth.user]] of the configuration");
  return read_users_text(text, path, defaults, names);
}

}  // namespace sallyport::config
