// One reload's worth of state: the configuration, and what is made of the files it names.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "auth/user_table.h"
#include "proxy/config/load.h"
#include "proxy/net/tls.h"

namespace sallyport::server {

/// Everything a reload swaps, read and checked whole before anything is swapped.
struct Snapshot {
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const net::ServerTlsContext> tls;  ///< Null when no listener does TLS.
  std::shared_ptr<const auth::UserTable> users;

  /// The files whose change asks for a reload: certificate, key, users file.
  std::vector<std::string> watched_files() const;
};

/// Reads the config at `path` and all it names; gives a snapshot, or everything that is wrong.
std::expected<Snapshot, std::vector<config::Problem>> load_snapshot(const std::string& path,
                                                                    const config::Outside& outside,
                                                                    const net::TicketKeys& keys);

}  // namespace sallyport::server
