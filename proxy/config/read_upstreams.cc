// [[upstream]]: whom we hand mail to. A preset fills in what the user leaves out.
#include <fmt/format.h>

#include <algorithm>

#include "proxy/config/forms.h"
#include "proxy/config/presets.h"
#include "proxy/config/sections.h"
#include "proxy/config/values.h"

namespace sallyport::config {
namespace {

using std::chrono::hours;

constexpr milliseconds kShortestTimeout{10};
constexpr std::uint16_t kSmtpPort = 25;
// Where servers speak in clear first and STARTTLS follows; TLS on any other port begins at once.
constexpr auto kStarttlsPorts = std::to_array<std::uint16_t>({kSmtpPort, 587, 2525, 2587});

constexpr auto kCaptureKeys = std::to_array<std::string_view>(
    {"name", "provider", "path", "max_recipients", "max_message_size"});

Form<Provider> provider_form() {
  std::vector<std::pair<std::string_view, Provider>> choices;
  for (const Preset& preset : presets()) choices.emplace_back(preset.name, preset.provider);
  return choice_form<Provider>(std::move(choices));
}

std::uint16_t default_port(const Preset& preset, TlsMode tls) {
  switch (tls) {
    case TlsMode::kImplicit:
      return preset.implicit_port;
    case TlsMode::kStarttls:
      return preset.starttls_port;
    case TlsMode::kNone:
      return kSmtpPort;
  }
  return preset.implicit_port;
}

void read_host(const Section& section, const Preset& preset, Upstream& upstream) {
  std::string region;
  if (preset.regional) {
    section.read("region", region, text_form("a region of the provider"));
  } else if (section.has("region")) {
    section.blame("region", fmt::format("means nothing to provider \"{}\"; expected no such key",
                                        preset.name));
  }
  const auto form = host_form();
  if (preset.host.empty()) {
    section.require("host", upstream.host, form);
    return;
  }
  if (section.read("host", upstream.host, form) || section.has("host")) return;
  if (const auto host = preset_host(preset, region)) {
    upstream.host = *host;
    return;
  }
  const std::string expected = preset.regions.empty()
                                   ? "a region of the provider, such as \"eu-west-1\""
                                   : list(preset.regions, '"', "or");
  if (section.has("region")) {
    if (!region.empty()) {
      section.blame("region", fmt::format("is {}; expected {}", quote(region), expected));
    }
  } else {
    section.missing("region", expected);
  }
}

void read_transport(const Section& section, const Outside& outside, const Preset& preset,
                    Upstream& upstream) {
  const bool port_said = section.read("port", upstream.port, integer_form<std::uint16_t>(1, 65535));
  if (port_said && std::ranges::find(kStarttlsPorts, upstream.port) != kStarttlsPorts.end()) {
    upstream.tls = TlsMode::kStarttls;
  }
  section.read("tls", upstream.tls,
               choice_form<TlsMode>({{"implicit", TlsMode::kImplicit},
                                     {"starttls", TlsMode::kStarttls},
                                     {"none", TlsMode::kNone}}));
  if (!port_said) upstream.port = default_port(preset, upstream.tls);
  if (section.has("ca")) {
    require_readable_file(section, "ca", outside, upstream.ca);
    upstream.ca_origin = {section.place_of("ca")};
  }
  bool allow_plaintext = false;
  section.read("allow_plaintext", allow_plaintext, boolean_form());
  if (upstream.tls == TlsMode::kNone && !upstream.host.empty() && !is_loopback(upstream.host) &&
      !allow_plaintext) {
    section.blame("tls",
                  fmt::format("is \"none\" and {} is not a loopback address: the password and "
                              "mail would cross the network in clear; expected \"implicit\" or "
                              "\"starttls\", or allow_plaintext = true to say it twice",
                              quote(upstream.host)));
  }
}

void read_limits_of_content(const Section& section, const Preset& preset, Upstream& upstream) {
  upstream.max_recipients = preset.max_recipients;
  upstream.max_message_size = preset.max_message_size;
  section.read("max_recipients", upstream.max_recipients,
               integer_form<std::uint32_t>(1, 1'000'000));
  section.read("max_message_size", upstream.max_message_size, size_form(0, 1ull << 30));
}

void read_pool(const Section& section, const Preset& preset, Upstream& upstream) {
  upstream.max_messages_per_connection = preset.max_messages_per_connection;
  upstream.max_connection_age = preset.max_connection_age;
  upstream.idle_timeout = preset.idle_timeout;
  const auto timeout = duration_form(kShortestTimeout, hours(24));
  section.read("max_connections", upstream.max_connections,
               integer_form<std::uint32_t>(1, 100'000));
  section.read("max_messages_per_connection", upstream.max_messages_per_connection,
               integer_form<std::uint32_t>(1, 1'000'000'000));
  section.read("max_connection_age", upstream.max_connection_age, timeout);
  section.read("idle_timeout", upstream.idle_timeout, timeout);
  section.read("connect_timeout", upstream.connect_timeout, timeout);
  upstream.disabled_extensions = read_disabled_extensions(section);
}

void read_capture(const Section& section, Upstream& upstream) {
  section.require("path", upstream.path,
                  path_form("the path of the Maildir to keep mail in", section.problems().file()));
  for (const std::string_view key : schema::keys::kUpstream) {
    if (std::ranges::find(kCaptureKeys, key) != kCaptureKeys.end() || !section.has(key)) continue;
    section.blame(key, fmt::format("means nothing to provider \"capture\"; expected only {}",
                                   list(kCaptureKeys, '\'', "and")));
  }
}

Upstream read_upstream(const Section& section, const Outside& outside, Names& names) {
  Upstream upstream;
  if (section.require("name", upstream.name, text_form("a name of your choice"))) {
    names.take(section, "name", upstream.name);
  }
  // Without a known provider nothing else can be judged.
  if (!section.require("provider", upstream.provider, provider_form())) return upstream;
  const Preset& preset = preset_of(upstream.provider);
  read_limits_of_content(section, preset, upstream);
  if (upstream.provider == Provider::kCapture) {
    read_capture(section, upstream);
    return upstream;
  }
  if (section.has("path")) {
    section.blame(
        "path", fmt::format("means nothing to provider \"{}\"; expected no such key", preset.name));
  }
  read_host(section, preset, upstream);
  read_transport(section, outside, preset, upstream);
  read_login(section, outside, preset, upstream);
  read_pool(section, preset, upstream);
  return upstream;
}

}  // namespace

void read_upstreams(const Section& top, const Outside& outside, Config& config) {
  Names names;
  for (const Section& section : top.tables("upstream", schema::kUpstream)) {
    config.upstreams.push_back(read_upstream(section, outside, names));
  }
  if (top.lacks("upstream")) {
    top.missing("upstream", "at least one [[upstream]] to hand mail to");
  }
}

}  // namespace sallyport::config
