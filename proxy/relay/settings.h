// All that a Relay is built from: the part of a configuration that relaying depends on.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/load.h"
#include "proxy/relay/dialer.h"

namespace sallyport::relay {

/// A value: two that are equal relay alike, so that a reload which changes nothing in here (users,
/// certificates, limits of sessions) keeps the Relay in force. Users and listeners are not part of
/// it.
struct Settings {
  std::string hostname;  ///< Said in EHLO.
  std::vector<config::Upstream> upstreams;
  std::vector<TlsFiles> files;  ///< For each upstream what its files say.
  std::vector<config::Route> routes;
  config::PartialRejection partial_rejection = config::PartialRejection::kReject;
  config::ReplyWords reply = config::ReplyWords::kUpstream;

  bool operator==(const Settings&) const = default;
};

/// The settings of `config`, with the files that its upstreams name. Blocks on files: not for a
/// loop's thread. Each problem names the upstream and its place in the config.
std::expected<Settings, std::vector<config::Problem>> read_settings(const config::Config& config);

}  // namespace sallyport::relay
