// One reload's worth of state: the configuration, and what is made of the files it names.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "auth/sources/make_sources.h"
#include "auth/user_table.h"
#include "proxy/config/load.h"
#include "proxy/net/tls.h"
#include "proxy/relay/settings.h"
#include "proxy/server/certificates.h"

namespace sallyport::server {

/// Everything a reload swaps, read and checked whole before anything is swapped.
struct Snapshot {
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const Certificates> certificates;
  std::shared_ptr<const net::ServerTlsContext> tls;  ///< Null when no listener does TLS.
  std::shared_ptr<const auth::UserTable> users;
  std::vector<auth::SourceFiles> sources;  ///< Whom else is asked, and the files they name.
  /// Kept from the snapshot before when nothing in it is different: then relays stay as they are.
  std::shared_ptr<const relay::Settings> relaying;

  /// The files and folders whose change asks for the certificates to be read again.
  std::vector<std::string> certificate_files() const;
  /// The users file and the files of upstreams' passwords: a change asks for a reload.
  std::vector<std::string> secret_files() const;
};

/// Reads the config at `path` and all it names; gives a snapshot, or everything that is wrong. With
/// a snapshot `before`, a certificate that was good then and is broken now is not wrong: it stays,
/// and the new Certificates have a complaint.
std::expected<Snapshot, std::vector<config::Problem>> load_snapshot(
    const std::string& path, const config::Outside& outside, const net::TicketKeys& keys,
    const Snapshot* before = nullptr);

/// `before` with its certificates read again, as far as they are good.
Result<Snapshot> renew_certificates(const Snapshot& before, const config::Outside& outside,
                                    const net::TicketKeys& keys);

}  // namespace sallyport::server
