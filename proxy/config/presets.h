// What is known of each provider: the values an [[upstream]] starts from. docs/providers.md says
// the same to users; everything here can be overridden in the config.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/config/config.h"

namespace sallyport::config {

/// One provider. `host` may hold "<region>", which the `region` of the upstream stands in for.
struct Preset {
  Provider provider = Provider::kSmtp;
  std::string_view name = {};  ///< As `provider = "…"` spells it.
  std::string_view host = {};  ///< Empty: the user says it.
  std::span<const std::string_view> regions =
      {};                                  ///< The regions there are; empty with regional: any.
  bool regional = false;                   ///< Does `region` mean anything here?
  std::string_view default_region = {};    ///< Empty with regional: the user must say it.
  std::string_view default_username = {};  ///< Empty: the user says it.
  bool needs_login = false;                ///< Are username and password required?
  std::uint16_t implicit_port = 465;       ///< The default port for each way of TLS.
  std::uint16_t starttls_port = 587;
  std::uint32_t max_messages_per_connection = 1000;
  milliseconds max_connection_age = std::chrono::minutes(10);
  milliseconds idle_timeout = std::chrono::seconds(30);
  std::uint32_t max_recipients = 0;  ///< 0: what EHLO says, else 1,000.
  std::uint64_t max_message_size = 0;
};

/// All of them, in the order messages list them.
std::span<const Preset> presets();

/// The preset of a provider.
const Preset& preset_of(Provider provider);

/// The host of a preset in a region; nullopt if there is no such region (or none was said and it
/// needs one).
std::optional<std::string> preset_host(const Preset& preset, std::string_view region);

}  // namespace sallyport::config
