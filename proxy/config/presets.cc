#include "proxy/config/presets.h"

#include <algorithm>

#include "proxy/config/values.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kPlaceholder = "<region>";

constexpr auto kMailgunRegions = std::to_array<std::string_view>({"us", "eu"});

constexpr auto kPresets = std::to_array<Preset>({
    {.provider = Provider::kSmtp, .name = "smtp"},
    {.provider = Provider::kCapture, .name = "capture", .max_recipients = 1000},
    // SES closes a connection after about 10 s of silence, and wants connections renewed now and
    // then.
    {.provider = Provider::kSes,
     .name = "ses",
     .host = "email-smtp.<region>.amazonaws.com",
     .regional = true,
     .needs_login = true,
     .max_connection_age = std::chrono::minutes(5),
     .idle_timeout = std::chrono::seconds(8),
     .max_recipients = 50,
     .max_message_size = 40'000'000},
    {.provider = Provider::kSendgrid,
     .name = "sendgrid",
     .host = "smtp.sendgrid.net",
     .default_username = "apikey",
     .needs_login = true,
     .max_messages_per_connection = 5000,
     .max_recipients = 1000,
     .max_message_size = 31'457'280},
    {.provider = Provider::kMailgun,
     .name = "mailgun",
     .host = "smtp.<region>mailgun.org",
     .regions = kMailgunRegions,
     .regional = true,
     .default_region = "us",
     .needs_login = true,
     .max_recipients = 1000,
     .max_message_size = 25'000'000},
});

/// What stands for "<region>": a label of its own, except that Mailgun's US hosts have none.
std::string region_label(const Preset& preset, std::string_view region) {
  if (preset.provider != Provider::kMailgun) return std::string(region);
  return region == preset.default_region ? std::string() : std::string(region) + '.';
}

}  // namespace

std::span<const Preset> presets() { return kPresets; }

const Preset& preset_of(Provider provider) {
  return *std::ranges::find(kPresets, provider, &Preset::provider);
}

std::optional<std::string> preset_host(const Preset& preset, std::string_view region) {
  const std::size_t at = preset.host.find(kPlaceholder);
  if (at == std::string_view::npos) return std::string(preset.host);
  if (region.empty()) region = preset.default_region;
  const bool known =
      preset.regions.empty() || std::ranges::find(preset.regions, region) != preset.regions.end();
  if (!known) return std::nullopt;
  std::string host(preset.host);
  host.replace(at, kPlaceholder.size(), region_label(preset, region));
  if (region.empty() || region.contains('.') || !is_domain(host)) return std::nullopt;
  return host;
}

}  // namespace sallyport::config
