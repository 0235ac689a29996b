// The addresses of a configuration, before anything listens on them.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/load.h"
#include "proxy/runtime/loop.h"
#include "proxy/runtime/socket_file.h"
#include "proxy/runtime/tcp.h"

namespace sallyport::server {

/// Does a socket of any process listen there? False for what is no address.
bool is_taken(const config::Endpoint& address);

/// A problem for each listener of `config` on whose address another process listens: SO_REUSEPORT,
/// which our workers need among themselves, would let two processes share it without a word. Not
/// asked for ports that this process has open for one of `ours`.
std::vector<config::Problem> taken_addresses(const config::Config& config,
                                             const std::vector<config::Listener>& ours);

/// A problem for each address of `config` that this machine does not have.
std::vector<config::Problem> foreign_addresses(const config::Config& config);

/// The listener of `[admin]`, alone on its address; null if there is none in `config`.
std::expected<std::unique_ptr<runtime::TcpListener>, config::Problem> listen_for_admin(
    runtime::Loop& loop, const config::Config& config);

/// A problem if another process listens at the socket of `[admin]`.
std::optional<config::Problem> taken_socket(const config::Config& config);

/// The socket of `[admin]`; nullopt if there is none in `config`.
std::expected<std::optional<runtime::ListeningFile>, config::Problem> listen_for_commands(
    runtime::Loop& loop, const config::Config& config);

}  // namespace sallyport::server
