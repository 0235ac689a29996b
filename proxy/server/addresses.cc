#include "proxy/server/addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "proxy/config/values.h"
#include "proxy/runtime/address.h"

namespace sallyport::server {

bool is_taken(const config::Endpoint& address) {
  const auto parsed = runtime::SocketAddress::parse(address.host, address.port);
  return parsed && runtime::is_listened_on(*parsed);
}

std::vector<config::Problem> taken_addresses(const config::Config& config,
                                             const std::vector<config::Listener>& ours) {
  std::vector<config::Problem> problems;
  for (const config::Listener& listener : config.listeners) {
    const std::uint16_t port = listener.address.port;
    const bool is_ours = std::ranges::any_of(
        ours, [port](const config::Listener& each) { return each.address.port == port; });
    if (port == 0 || is_ours || !is_taken(listener.address)) continue;
    problems.push_back({.file = config.file,
                        .line = listener.origin.place.line,
                        .column = listener.origin.place.column,
                        .what = fmt::format("listener: another process listens on {}",
                                            config::str(listener.address))});
  }
  return problems;
}

std::vector<config::Problem> foreign_addresses(const config::Config& config) {
  runtime::Loop loop;
  std::vector<config::Problem> problems;
  const auto look = [&](std::string_view key, const config::Endpoint& at, config::Place place) {
    // On a port that the kernel chooses: what is asked for may be in use, by us as well.
    const auto address = runtime::SocketAddress::parse(at.host, 0);
    if (!address || runtime::TcpListener::listen(loop, *address)) return;
    problems.push_back({.file = config.file,
                        .line = place.line,
                        .column = place.column,
                        .what = fmt::format("{}: {} is no address of this machine; expected one, "
                                            "or 0.0.0.0 or [::] for all",
                                            key, config::str(at))});
  };
  for (const config::Listener& listener : config.listeners) {
    look("listener", listener.address, listener.origin.place);
  }
  if (config.admin) look("admin", *config.admin, config.admin_origin.place);
  return problems;
}

std::expected<std::unique_ptr<runtime::TcpListener>, config::Problem> listen_for_admin(
    runtime::Loop& loop, const config::Config& config) {
  if (!config.admin) return nullptr;
  const auto address = runtime::SocketAddress::parse(config.admin->host, config.admin->port);
  auto listener =
      address ? runtime::TcpListener::listen_alone(loop, *address) : fail(address.error());
  if (listener) return std::move(*listener);
  return std::unexpected(config::Problem{.file = config.file,
                                         .line = config.admin_origin.place.line,
                                         .column = config.admin_origin.place.column,
                                         .what = "admin: " + listener.error().text});
}

namespace {

config::Problem socket_problem(const config::Config& config, const std::string& what) {
  return {.file = config.file,
          .line = config.admin_socket_origin.place.line,
          .column = config.admin_socket_origin.place.column,
          .what = "admin.socket: " + what};
}

}  // namespace

std::optional<config::Problem> taken_socket(const config::Config& config) {
  if (config.admin_socket.empty()) return std::nullopt;
  const auto who = runtime::listener_at(config.admin_socket);
  if (!who) return std::nullopt;
  return socket_problem(config, fmt::format("{} listens at {}", *who, config.admin_socket));
}

std::expected<std::optional<runtime::ListeningFile>, config::Problem> listen_for_commands(
    runtime::Loop& loop, const config::Config& config) {
  if (config.admin_socket.empty()) return std::nullopt;
  auto listening = runtime::listen_on_file(loop, config.admin_socket);
  if (!listening) return std::unexpected(socket_problem(config, listening.error().text));
  return std::move(*listening);
}

}  // namespace sallyport::server
