#include "proxy/server/snapshot.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sallyport::server {
namespace {

config::Problem problem(std::string file, std::string what) {
  return {.file = std::move(file), .line = 0, .column = 0, .what = std::move(what)};
}

/// The config may go on naming what `before` has, even if it cannot be read just now.
config::Outside lenient(const config::Outside& outside, const Snapshot& before) {
  config::Outside lenient = outside;
  lenient.readable = [files = before.certificate_files(), outside](const std::string& path) {
    if (std::ranges::find(files, path) != files.end()) return Result<void>();
    if (outside.readable) return outside.readable(path);
    const auto text = outside.read_file(path);
    return text ? Result<void>() : fail(text.error());
  };
  lenient.listable = [files = before.certificate_files(), outside](const std::string& path) {
    const bool known = std::ranges::find(files, path) != files.end();
    return known || !outside.listable ? Result<void>() : outside.listable(path);
  };
  return lenient;
}

}  // namespace

std::vector<std::string> Snapshot::certificate_files() const {
  const config::ServerTls& settings = config->tls;
  std::vector<std::string> files = {settings.directory, settings.client_ca};
  const auto add = [&files](const config::CertificateFiles& pair) {
    for (const auto& file : {pair.certificate, pair.key, pair.ocsp_response}) files.push_back(file);
  };
  add(settings.fallback);
  for (const config::CertificateFiles& pair : settings.pairs) add(pair);
  std::erase(files, "");
  return files;
}

std::vector<std::string> Snapshot::secret_files() const {
  std::vector<std::string> files = {config->auth.file};
  for (const config::PasswdFile& source : config->auth.sources) files.push_back(source.path);
  for (const config::AuthSource& source : config->auth.asked_sources) {
    files.push_back(source.ca);
    if (!config::is_url(source.jwks)) files.push_back(source.jwks);
  }
  for (const config::Upstream& upstream : config->upstreams) {
    files.insert(files.end(), {upstream.ca, upstream.certificate, upstream.key});
    // A tenant's file is read when the tenant sends.
    if (!config::is_per_tenant(upstream)) files.push_back(upstream.password_file);
  }
  return files;
}

std::expected<Snapshot, std::vector<config::Problem>> load_snapshot(const std::string& path,
                                                                    const config::Outside& outside,
                                                                    const net::TicketKeys& keys,
                                                                    const Snapshot* before) {
  auto loaded = config::load(path, before ? lenient(outside, *before) : outside);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  Snapshot snapshot;
  snapshot.config = std::make_shared<const config::Config>(std::move(*loaded));
  const config::Config& config = *snapshot.config;

  std::vector<config::Problem> problems;
  snapshot.certificates = std::make_shared<const Certificates>(
      load_certificates(config, outside, before ? before->certificates.get() : nullptr,
                        std::chrono::system_clock::now(), problems));
  auto relaying = relay::read_settings(config);
  if (!relaying) std::ranges::move(relaying.error(), std::back_inserter(problems));
  auto sources = auth::read_sources(config, outside);
  if (!sources) std::ranges::move(sources.error(), std::back_inserter(problems));
  if (!problems.empty()) return std::unexpected(std::move(problems));
  snapshot.sources = std::move(*sources);
  snapshot.relaying = before && *before->relaying == *relaying
                          ? before->relaying
                          : std::make_shared<const relay::Settings>(std::move(*relaying));
  auto tls = make_context(*snapshot.certificates, config.tls, keys);
  if (!tls) return std::unexpected(std::vector{problem(config.file, tls.error().text)});
  snapshot.tls = std::move(*tls);

  std::vector<config::User> users = config.auth.users;
  users.insert(users.end(), config.auth.file_users.begin(), config.auth.file_users.end());
  auto table = auth::UserTable::build(std::move(users), {.rules = config.auth.rules,
                                                         .group_rules = config.auth.group_rules,
                                                         .limits = config.limits});
  if (!table) return std::unexpected(std::vector{problem(config.file, table.error().text)});
  snapshot.users = std::move(*table);
  return snapshot;
}

Result<Snapshot> renew_certificates(const Snapshot& before, const config::Outside& outside,
                                    const net::TicketKeys& keys) {
  Snapshot snapshot = before;
  std::vector<config::Problem> problems;
  snapshot.certificates = std::make_shared<const Certificates>(
      load_certificates(*before.config, outside, before.certificates.get(),
                        std::chrono::system_clock::now(), problems));
  // Whatever the config names was good once, so that it has something to fall back on.
  if (!problems.empty()) return fail(ErrorCode::kInvalid, problems.front().str());
  auto tls = make_context(*snapshot.certificates, before.config->tls, keys);
  if (!tls) return fail(tls.error());
  snapshot.tls = std::move(*tls);
  return snapshot;
}

}  // namespace sallyport::server
