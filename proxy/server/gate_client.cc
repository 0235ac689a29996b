#include "proxy/server/gate_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/config/values.h"

namespace sallyport::server {
namespace {

using config::Listener;
using config::TlsMode;
using runtime::SocketAddress;

/// Where a client on this machine finds a listener.
std::vector<SocketAddress> addresses_of(const config::Endpoint& listener) {
  std::vector<std::string> hosts = {listener.host};
  if (listener.host == "0.0.0.0") hosts = {"127.0.0.1"};
  if (listener.host == "::") hosts = {"::1", "127.0.0.1"};
  std::vector<SocketAddress> addresses;
  for (const std::string& host : hosts) {
    if (auto address = SocketAddress::parse(host, listener.port)) addresses.push_back(*address);
  }
  return addresses;
}

/// The less, the better for a client that wants to be sure whom it talks to.
int rank(const Listener& listener) {
  return listener.tls == TlsMode::kImplicit ? 0 : listener.tls == TlsMode::kStarttls ? 1 : 2;
}

Result<const Listener*> choose(const config::Config& config, const std::string& wanted) {
  const Listener* best = nullptr;
  for (const Listener& listener : config.listeners) {
    const bool named = config::str(listener.address) == wanted;
    if (named && !listener.proxy_protocol.empty()) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("the listener {} is for clients behind a proxy", wanted));
    }
    if (named) return &listener;
    const bool usable = wanted.empty() && listener.proxy_protocol.empty();
    if (usable && (best == nullptr || rank(listener) < rank(*best))) best = &listener;
  }
  if (best != nullptr) return best;
  return fail(ErrorCode::kNotFound, wanted.empty()
                                        ? "every listener is for clients behind a proxy"
                                        : fmt::format("there is no listener {}", wanted));
}

/// The certificate that clients that ask for `hostname` are shown.
const Certificates::Pair* shown_for(const Certificates& certificates, const std::string& hostname) {
  for (const Certificates::Pair& pair : certificates.pairs) {
    const auto& names = pair.certificate->names();
    if (std::ranges::find(names, hostname) != names.end()) return &pair;
  }
  return certificates.pairs.empty() ? nullptr : &certificates.pairs.front();
}

}  // namespace

Result<GateAccess> access_for(const Snapshot& snapshot, const std::string& wanted,
                              const std::string& user, Secret password) {
  const config::Config& config = *snapshot.config;
  const auto listener = choose(config, wanted);
  if (!listener) return fail(listener.error());
  GateAccess access;
  access.addresses = addresses_of((*listener)->address);
  access.gate.name = "gate";
  access.gate.host = (*listener)->address.host;
  access.gate.port = (*listener)->address.port;
  access.gate.tls = (*listener)->tls;
  access.gate.username = user;
  access.gate.password = std::move(password);
  if (access.gate.tls == TlsMode::kNone) return access;
  const Certificates::Pair* const pair = shown_for(*snapshot.certificates, config.hostname);
  if (pair == nullptr) return fail(ErrorCode::kTls, "no certificate is configured");
  access.trusted = pair->text;
  const auto& names = pair->certificate->names();
  access.certificate_name = config.hostname;
  if (std::ranges::find(names, config.hostname) == names.end()) {
    access.certificate_name = names.empty() ? access.gate.host : names.front();
    access.warning = fmt::format(
        "no certificate is for the hostname {}: clients must connect to a name that one is for",
        config.hostname);
  }
  return access;
}

}  // namespace sallyport::server
