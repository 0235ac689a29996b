#include "proxy/server/check.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/base/secret.h"
#include "proxy/config/regions.h"
#include "proxy/server/addresses.h"
#include "proxy/server/outside.h"
#include "proxy/server/process.h"

namespace sallyport::server {
namespace {

using config::Problem;

// As a password it is one, as a users file it has no users.
constexpr std::string_view kStandIn = "# not read: offline\n";

void print(const std::vector<Problem>& problems, std::string_view kind = {}) {
  for (const Problem& problem : problems) {
    std::fprintf(stderr, "%.*s%s\n", static_cast<int>(kind.size()), kind.data(),
                 problem.str().c_str());
  }
}

std::string counted(const config::Config& config, std::size_t users) {
  return fmt::format("{} listeners, {} users, {} upstreams", config.listeners.size(), users,
                     config.upstreams.size());
}

/// This machine as far as it goes, and stand-ins for what it does not have.
config::Outside offline(const std::string& path) {
  const config::Outside real = real_outside();
  return {.read_file = [path, real](const std::string& file) -> Result<std::string> {
            auto text = real.read_file(file);
            if (text || file == path) return text;
            return std::string(kStandIn);
          },
          .environment = [real](const std::string& name) -> std::optional<std::string> {
            return real.environment(name).value_or(std::string(kStandIn.substr(0, 1)));
          },
          .host_name = real.host_name};
}

}  // namespace

std::vector<Problem> unusable_certificates(const Certificates& certificates, WallTime now) {
  std::vector<Problem> problems;
  for (const Certificates::Pair& pair : certificates.pairs) {
    const WallTime end = pair.certificate->not_after();
    if (end > now) continue;
    const auto seconds = std::chrono::system_clock::to_time_t(
        std::chrono::time_point_cast<std::chrono::system_clock::duration>(end));
    problems.push_back({.file = pair.files.certificate,
                        .line = 0,
                        .column = 0,
                        .what = fmt::format("the certificate ended on {:%Y-%m-%d}: clients will "
                                            "refuse it; expected one that is valid now",
                                            fmt::gmtime(seconds))});
  }
  return problems;
}

std::vector<Problem> doubts(const config::Config& config) {
  std::vector<Problem> doubts;
  for (const config::Upstream& upstream : config.upstreams) {
    if (!upstream.provider) continue;
    if (auto doubt = config::doubt_about_region(*upstream.provider, upstream.host)) {
      doubts.push_back({.file = config.file,
                        .line = 0,
                        .column = 0,
                        .what = fmt::format("upstream {}: {}", upstream.name, *doubt)});
    }
  }
  return doubts;
}

ExitCode check(const std::string& path) {
  protect_process();
  const net::TicketKeys keys;
  const auto snapshot = load_snapshot(path, real_outside(), keys);
  if (!snapshot) {
    print(snapshot.error());
    return kBadConfig;
  }
  std::vector<Problem> problems =
      unusable_certificates(*snapshot->certificates, std::chrono::system_clock::now());
  std::ranges::move(foreign_addresses(*snapshot->config), std::back_inserter(problems));
  print(problems);
  print(snapshot->certificates->complaints);
  print(doubts(*snapshot->config), "warning: ");
  if (!problems.empty()) return kBadConfig;
  std::printf("%s: ok: %s\n", path.c_str(),
              counted(*snapshot->config, snapshot->users->size()).c_str());
  return kOk;
}

ExitCode check_offline(const std::string& path) {
  protect_process();
  const auto config = config::load(path, offline(path));
  if (!config) {
    print(config.error());
    return kBadConfig;
  }
  print(doubts(*config), "warning: ");
  const std::size_t users = config->auth.users.size() + config->auth.file_users.size();
  std::printf("%s: ok: %s (offline: certificates, folders and addresses were not tried)\n",
              path.c_str(), counted(*config, users).c_str());
  return kOk;
}

ExitCode check_users(const std::string& path) {
  protect_process();
  auto text = real_outside().read_file(path);
  if (!text) {
    std::fprintf(stderr, "%s: cannot be read: %s; expected a users file\n", path.c_str(),
                 text.error().text.c_str());
    return kBadConfig;
  }
  const auto users = config::parse_users(*text, path, config::Limits());
  wipe(*text);
  if (!users) {
    print(users.error());
    return kBadConfig;
  }
  std::printf("%s: ok: %zu users\n", path.c_str(), users->size());
  return kOk;
}

}  // namespace sallyport::server
