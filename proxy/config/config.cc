#include "proxy/config/config.h"

#include <tuple>

namespace sallyport::config {

bool OutboundProxy::operator==(const OutboundProxy& other) const {
  return kind == other.kind && host == other.host && port == other.port &&
         username == other.username && password.reveal() == other.password.reveal();
}

std::vector<Target> in_order(const std::vector<std::size_t>& upstreams) {
  std::vector<Target> targets;
  for (const std::size_t upstream : upstreams) {
    const auto priority = static_cast<std::uint32_t>(targets.size() + 1);
    targets.push_back({.upstream = upstream, .priority = priority});
  }
  return targets;
}

bool SecretSource::operator==(const SecretSource& other) const {
  return file == other.file && text.reveal() == other.text.reveal();
}

bool names_tenant(std::string_view text) {
  return text.contains("{user}") || text.contains("{group}");
}

bool is_per_tenant(const Upstream& upstream) {
  return names_tenant(upstream.username) || names_tenant(upstream.password_file);
}

bool Upstream::operator==(const Upstream& other) const {
  const auto members = [](const Upstream& upstream) {
    return std::tie(
        upstream.name, *upstream.provider, upstream.host, upstream.port, upstream.tls, upstream.ca,
        upstream.server_name, upstream.pins, upstream.certificate, upstream.key,
        upstream.tls_policy, upstream.username, upstream.password_file, upstream.secret_key_region,
        upstream.auth_mechanisms, upstream.oauth, upstream.headers, upstream.max_connections,
        upstream.min_connections, upstream.max_messages_per_connection, upstream.max_connection_age,
        upstream.idle_timeout, upstream.max_recipients, upstream.max_message_size, upstream.pace,
        upstream.max_wait, upstream.spill_after, upstream.max_waiting, upstream.disabled_extensions,
        upstream.ports, upstream.proxy, upstream.connect_timeout, upstream.path);
  };
  return members(*this) == members(other) && password.reveal() == other.password.reveal();
}

}  // namespace sallyport::config
