// [[upstream]]: whom we hand mail to. Its provider fills in what the user leaves out.
#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/config/forms.h"
#include "proxy/config/nearest.h"
#include "proxy/config/provider.h"
#include "proxy/config/read_provider.h"
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

using ProviderPointer = std::shared_ptr<const Provider>;

Form<ProviderPointer> provider_form(const Providers& providers) {
  return {.expected =
              "the name of a provider, such as \"ses\", or \"smtp\" for any server "
              "(\"sallyport providers\" lists them)",
          .read = [&providers](const Node& node) -> std::expected<ProviderPointer, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (!text) return std::unexpected("");
            if (ProviderPointer found = providers.find(*text)) return found;
            const std::vector<std::string_view> names = providers.names();
            const auto meant = nearest(*text, names);
            return std::unexpected(meant ? fmt::format("did you mean {}?", quote(*meant)) : "");
          }};
}

std::uint16_t default_port(const Provider& provider, TlsMode tls) {
  const auto& ports = tls == TlsMode::kImplicit ? provider.implicit_ports : provider.starttls_ports;
  if (tls == TlsMode::kNone || ports.empty()) return kSmtpPort;
  return ports.front();
}

/// The way of TLS that goes with a port: what the provider has there, else what is usual.
TlsMode tls_of_port(const Provider& provider, std::uint16_t port) {
  const auto has = [port](const auto& ports) {
    return std::ranges::find(ports, port) != ports.end();
  };
  if (has(provider.implicit_ports)) return TlsMode::kImplicit;
  const bool starttls = has(provider.starttls_ports) || has(kStarttlsPorts);
  return starttls ? TlsMode::kStarttls : TlsMode::kImplicit;
}

/// Gives the region, as far as one is said or known.
std::string read_host(const Section& section, const Provider& provider, Upstream& upstream) {
  std::string region = provider.default_region;
  if (provider.is_regional()) {
    section.read("region", region, text_form("a region of the provider"));
  } else if (section.has("region")) {
    section.blame("region", fmt::format("means nothing to provider \"{}\"; expected no such key",
                                        provider.name));
  }
  const auto form = host_form();
  if (provider.host.empty() && !provider.is_regional()) {
    section.require("host", upstream.host, form);
    return region;
  }
  if (section.read("host", upstream.host, form) || section.has("host")) return region;
  if (const auto host = provider.host_in(region); host && is_domain(*host)) {
    upstream.host = *host;
    return region;
  }
  std::vector<std::string_view> regions;
  regions.reserve(provider.region_hosts.size());
  for (const auto& [name, host] : provider.region_hosts) regions.push_back(name);
  const std::string expected = regions.empty() ? "a region of the provider, such as \"eu-west-1\""
                                               : list(regions, '"', "or");
  if (section.has("region")) {
    if (!region.empty()) {
      section.blame("region", fmt::format("is {}; expected {}", quote(region), expected));
    }
  } else {
    section.missing("region", expected);
  }
  return region;
}

void read_transport(const Section& section, const Outside& outside, const Provider& provider,
                    Upstream& upstream) {
  upstream.tls = provider.tls;
  const bool port_said = section.read("port", upstream.port, upstream_port_form());
  const bool automatic = port_said && upstream.port == kAutomaticPort;
  if (port_said && !automatic) upstream.tls = tls_of_port(provider, upstream.port);
  section.read("tls", upstream.tls,
               choice_form<TlsMode>({{"implicit", TlsMode::kImplicit},
                                     {"starttls", TlsMode::kStarttls},
                                     {"none", TlsMode::kNone}}));
  if (automatic) choose_ports(section, provider, upstream);
  if (!port_said) upstream.port = default_port(provider, upstream.tls);
  read_outbound_proxy(section, outside, upstream);
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

void read_limits_of_content(const Section& section, const Provider& provider, Upstream& upstream) {
  upstream.max_recipients = provider.max_recipients;
  upstream.max_message_size = provider.max_message_size;
  section.read("max_recipients", upstream.max_recipients,
               integer_form<std::uint32_t>(1, 1'000'000));
  section.read("max_message_size", upstream.max_message_size, size_form(0, 1ull << 30));
}

void read_pool(const Section& section, const Provider& provider, Upstream& upstream) {
  upstream.max_connections = provider.max_connections;
  upstream.max_messages_per_connection = provider.max_messages_per_connection;
  upstream.max_connection_age = provider.max_connection_age;
  upstream.idle_timeout = provider.idle_timeout;
  const auto timeout = duration_form(kShortestTimeout, hours(24));
  section.read("max_connections", upstream.max_connections,
               integer_form<std::uint32_t>(1, 100'000));
  section.read("min_connections", upstream.min_connections,
               integer_form<std::uint32_t>(0, upstream.max_connections));
  if (upstream.min_connections > 0 && is_per_tenant(upstream)) {
    section.blame("min_connections",
                  "means nothing where each tenant has a login of its own; expected no such key");
  }
  section.read("max_messages_per_connection", upstream.max_messages_per_connection,
               integer_form<std::uint32_t>(1, 1'000'000'000));
  section.read("max_connection_age", upstream.max_connection_age, timeout);
  section.read("idle_timeout", upstream.idle_timeout, timeout);
  section.read("connect_timeout", upstream.connect_timeout, timeout);
  section.read("rate", upstream.pace.rate, rate_form(false));
  section.read("rate_of", upstream.pace.per_recipient,
               choice_form<bool>({{"messages", false}, {"recipients", true}}));
  section.read("daily", upstream.pace.daily, integer_form<std::uint32_t>(1, 1'000'000'000));
  section.read("max_wait", upstream.max_wait, duration_form(milliseconds(0), hours(1)));
  section.read("spill_after", upstream.spill_after, duration_form(milliseconds(0), hours(1)));
  section.read("max_waiting", upstream.max_waiting, integer_form<std::uint32_t>(0, 1'000'000));
  upstream.disabled_extensions = read_disabled_extensions(section);
}

void read_capture(const Section& section, const Outside& outside, Upstream& upstream) {
  const auto form = path_form("the path of the Maildir to keep mail in", section.problems().file());
  if (section.require("path", upstream.path, form) && outside.makeable) {
    if (const auto makeable = outside.makeable(upstream.path); !makeable) {
      section.blame("path", fmt::format("is {}, where no file can be made: {}; expected a folder "
                                        "that the user who runs sallyport may write to",
                                        quote(upstream.path), makeable.error().text));
    }
  }
  for (const std::string_view key : schema::keys::kUpstream) {
    if (std::ranges::find(kCaptureKeys, key) != kCaptureKeys.end() || !section.has(key)) continue;
    section.blame(key, fmt::format("means nothing to provider \"capture\"; expected only {}",
                                   list(kCaptureKeys, '\'', "and")));
  }
}

/// Each message would come back to us as a new one, and go there again.
void check_is_no_loop(const Section& section, const Upstream& upstream,
                      const std::vector<Listener>& listeners) {
  if (upstream.proxy) return;  // the host is what the proxy takes it for
  for (const Listener& listener : listeners) {
    if (!is_reached_at(listener.address, upstream.host, upstream.port)) continue;
    section.blame("host", fmt::format("is {} with port {}, which is our own [[listener]] at {}: "
                                      "mail would go round in a circle; expected another server",
                                      quote(upstream.host), upstream.port, str(listener.address)));
    return;
  }
}

/// The provider's fields, then ours: one that has the same name goes in place of the provider's.
void read_headers(const Section& section, const Provider& provider, Upstream& upstream) {
  std::vector<HeaderField> own;
  read_fields(section, "headers", own);
  for (const HeaderField& field : provider.headers) {
    const bool replaced = std::ranges::any_of(own, [&](const HeaderField& other) {
      return ascii::equals_ignoring_case(field.name, other.name);
    });
    if (!replaced) upstream.headers.push_back(field);
  }
  upstream.headers.insert(upstream.headers.end(), own.begin(), own.end());
}

Upstream read_upstream(const Section& section, const Outside& outside, const Providers& providers,
                       const std::vector<Listener>& listeners, Names& names) {
  Upstream upstream;
  if (section.require("name", upstream.name, text_form("a name of your choice"))) {
    names.take(section, "name", upstream.name);
  }
  // Without a known provider nothing else can be judged.
  if (!section.require("provider", upstream.provider, provider_form(providers))) return upstream;
  const Provider& provider = *upstream.provider;
  read_limits_of_content(section, provider, upstream);
  if (provider.capture) {
    read_capture(section, outside, upstream);
    return upstream;
  }
  if (section.has("path")) {
    section.blame("path", fmt::format("means nothing to provider \"{}\"; expected no such key",
                                      provider.name));
  }
  const std::string region = read_host(section, provider, upstream);
  read_transport(section, outside, provider, upstream);
  read_upstream_tls(section, outside, upstream);
  check_is_no_loop(section, upstream, listeners);
  read_login(section, outside, provider, region, upstream);
  read_headers(section, provider, upstream);
  read_pool(section, provider, upstream);
  return upstream;
}

}  // namespace

void read_upstreams(const Section& top, const Outside& outside, Config& config) {
  const Providers providers(top);
  Names names;
  for (const Section& section : top.tables("upstream", schema::kUpstream)) {
    config.upstreams.push_back(read_upstream(section, outside, providers, config.listeners, names));
  }
  if (top.lacks("upstream")) {
    top.missing("upstream", "at least one [[upstream]] to hand mail to");
  }
}

}  // namespace sallyport::config
