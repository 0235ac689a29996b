#include "proxy/config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "proxy/config/environment.h"
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

bool is_missing(const Error& error) {
  return error.text == std::generic_category().message(ENOENT);
}

/// Problems at the places of values from the environment are those of variables.
void name_variables(std::vector<Problem>& problems, const std::string& path,
                    const std::vector<std::string>& by_line,
                    const std::vector<std::string>& overlaid) {
  for (Problem& problem : problems) {
    if (problem.file != path || problem.line == 0) continue;
    const bool is_overlaid = problem.line >= kFirstLine;
    const std::size_t index = problem.line - (is_overlaid ? kFirstLine : 1);
    const std::vector<std::string>& names = is_overlaid ? overlaid : by_line;
    if (index >= names.size()) continue;
    if (!names[index].empty()) problem.file = names[index];
    problem.line = problem.column = 0;
  }
}

/// Reads `text`, each line of which was made from the variable in `by_line`, if there are any.
std::expected<Config, std::vector<Problem>> read(std::string_view text, const std::string& path,
                                                 const Outside& outside,
                                                 const std::vector<std::string>& by_line) {
  auto document = parse_toml(text);
  if (!document) {
    auto refused = refuse(path, document.error());
    name_variables(refused.error(), path, by_line, {});
    return refused;
  }
  Overlay overlaid = overlay(*document, outside);
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
  if (problems.empty() && overlaid.problems.empty()) return config;
  std::vector<Problem> found = std::move(problems).take();
  name_variables(found, path, by_line, overlaid.names);
  std::ranges::move(overlaid.problems, std::back_inserter(found));
  return std::unexpected(std::move(found));
}

/// The configuration that is in no file.
std::expected<Config, std::vector<Problem>> load_environment(const Outside& outside) {
  Document document = document_of(outside);
  if (!document.problems.empty()) return std::unexpected(std::move(document.problems));
  auto config = read(document.text, std::string(kEnvironment), outside, document.names);
  wipe(document.text);
  return config;
}

}  // namespace

std::string Problem::str() const {
  if (line == 0) return fmt::format("{}: {}", file, what);
  return fmt::format("{}:{}:{}: {}", file, line, column, what);
}

std::expected<Config, std::vector<Problem>> load(const std::string& path, const Outside& outside) {
  Result<std::string> text = outside.read_file(path);
  if (!text && is_missing(text.error()) && is_configured_by(outside)) {
    return load_environment(outside);
  }
  if (text) {
    if (auto problem = stands_beside(outside, path)) {
      wipe(*text);
      return std::unexpected(std::vector{*std::move(problem)});
    }
  }
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
  return read(text, path, outside, {});
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
