#include "proxy/server/snapshot.h"

#include <utility>

namespace sallyport::server {
namespace {

std::unexpected<std::vector<config::Problem>> problem(std::string file, std::string what) {
  return std::unexpected(std::vector{
      config::Problem{.file = std::move(file), .line = 0, .column = 0, .what = std::move(what)}});
}

}  // namespace

std::vector<std::string> Snapshot::watched_files() const {
  return {config->tls.certificate, config->tls.key, config->auth.file};
}

std::expected<Snapshot, std::vector<config::Problem>> load_snapshot(const std::string& path,
                                                                    const config::Outside& outside,
                                                                    const net::TicketKeys& keys) {
  auto loaded = config::load(path, outside);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  Snapshot snapshot;
  snapshot.config = std::make_shared<const config::Config>(std::move(*loaded));
  const config::Config& config = *snapshot.config;

  if (!config.tls.certificate.empty()) {
    const auto certificate = outside.read_file(config.tls.certificate);
    if (!certificate) return problem(config.tls.certificate, certificate.error().text);
    auto key = outside.read_file(config.tls.key);
    if (!key) return problem(config.tls.key, key.error().text);
    auto tls = net::ServerTlsContext::make(*certificate, *key, keys);
    wipe(*key);
    if (!tls) return problem(config.tls.certificate, tls.error().text);
    snapshot.tls = std::move(*tls);
  }

  std::vector<config::User> users = config.auth.users;
  users.insert(users.end(), config.auth.file_users.begin(), config.auth.file_users.end());
  auto table = auth::UserTable::build(std::move(users));
  if (!table) return problem(config.file, table.error().text);
  snapshot.users = std::move(*table);
  return snapshot;
}

}  // namespace sallyport::server
