// port = "auto" and the proxy of an [[upstream]]: ways out of networks that let little through.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "proxy/config/forms.h"
#include "proxy/config/sections.h"
#include "proxy/config/values.h"

namespace sallyport::config {
namespace {

// Submission ports in the order of RFC 8314 and of what networks let through, each with the way of
// TLS that is usual there.
constexpr auto kUsual = std::to_array<UpstreamPort>({{465, TlsMode::kImplicit},
                                                     {587, TlsMode::kStarttls},
                                                     {2465, TlsMode::kImplicit},
                                                     {2587, TlsMode::kStarttls},
                                                     {2525, TlsMode::kStarttls},
                                                     {443, TlsMode::kImplicit}});
constexpr std::uint16_t kSmtpPort = 25;    // blocked nearly everywhere: the last
constexpr std::size_t kMostOfLogin = 255;  // RFC 1929

bool has(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return std::ranges::find(ports, port) != ports.end();
}

/// All ports of the provider: the usual ones first. The usual ones, if no port of it is known.
std::vector<UpstreamPort> ports_of(const Provider& provider) {
  std::vector<UpstreamPort> ports;
  const auto add = [&](std::uint16_t number, TlsMode tls) {
    if (std::ranges::find(ports, number, &UpstreamPort::number) == ports.end()) {
      ports.push_back({number, tls});
    }
  };
  if (provider.implicit_ports.empty() && provider.starttls_ports.empty()) {
    return {kUsual.begin(), kUsual.end()};
  }
  for (const UpstreamPort& usual : kUsual) {
    if (has(provider.implicit_ports, usual.number)) add(usual.number, TlsMode::kImplicit);
    if (has(provider.starttls_ports, usual.number)) add(usual.number, TlsMode::kStarttls);
  }
  for (const bool smtp : {false, true}) {
    for (const std::uint16_t port : provider.implicit_ports) {
      if ((port == kSmtpPort) == smtp) add(port, TlsMode::kImplicit);
    }
    for (const std::uint16_t port : provider.starttls_ports) {
      if ((port == kSmtpPort) == smtp) add(port, TlsMode::kStarttls);
    }
  }
  return ports;
}

/// "http://HOST:PORT" or "socks5://HOST:PORT".
std::optional<OutboundProxy> parse_proxy(std::string_view text) {
  OutboundProxy proxy;
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kSocks5 = "socks5://";
  if (text.starts_with(kSocks5)) {
    proxy.kind = OutboundProxy::Kind::kSocks5;
    text.remove_prefix(kSocks5.size());
  } else if (text.starts_with(kHttp)) {
    text.remove_prefix(kHttp.size());
  } else {
    return std::nullopt;
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  if (brackets ? !is_ip_literal(host) : !is_domain(host)) return std::nullopt;
  proxy.host = host;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, proxy.port);
  if (read.ec != std::errc() || read.ptr != end || proxy.port == 0) return std::nullopt;
  return proxy;
}

}  // namespace

Form<std::uint16_t> upstream_port_form() {
  return {.expected = "an integer from 1 to 65535, or \"auto\"",
          .read = [](const Node& node) -> std::expected<std::uint16_t, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (text && *text == "auto") return kAutomaticPort;
            const auto value = integer_in(node, 1, 65535);
            if (!value) return std::unexpected(value.error());
            return static_cast<std::uint16_t>(*value);
          }};
}

void choose_ports(const Section& section, const Provider& provider, Upstream& upstream) {
  std::vector<UpstreamPort> ports = ports_of(provider);
  if (section.has("tls")) {
    std::erase_if(ports, [&](const UpstreamPort& port) { return port.tls != upstream.tls; });
  }
  if (ports.empty()) {
    section.blame("port",
                  "is \"auto\", and there is no port to try with this tls; expected a port");
    ports.push_back(kUsual.front());
  }
  upstream.port = ports.front().number;
  upstream.tls = ports.front().tls;
  if (ports.size() > 1) upstream.ports = std::move(ports);
}

void read_outbound_proxy(const Section& section, const Outside& outside, Upstream& upstream) {
  const Form<OutboundProxy> form{
      .expected = "\"http://HOST:PORT\" or \"socks5://HOST:PORT\", without a login",
      .read = [](const Node& node) -> std::expected<OutboundProxy, std::string> {
        const auto* text = std::get_if<std::string>(&node.value);
        if (!text) return std::unexpected("");
        const auto proxy = parse_proxy(*text);
        if (!proxy) return std::unexpected("");
        return *proxy;
      }};
  OutboundProxy proxy;
  if (section.read("proxy", proxy, form)) upstream.proxy = std::move(proxy);
  for (const std::string_view key : {"proxy_username", "proxy_password"}) {
    if (section.has(key) && !section.has("proxy")) {
      section.missing("proxy", fmt::format("one, because there is {}", key));
    }
  }
  std::string username;
  section.read("proxy_username", username, text_form("the user name for the proxy"));
  SecretSource password;
  const bool has_password = read_secret(section, "proxy_password", "the password for the proxy",
                                        schema::kSecret, outside, password);
  if (section.has("proxy_username") && !has_password) {
    section.missing("proxy_password", "the password for the proxy");
  }
  if (has_password && !section.has("proxy_username")) {
    section.missing("proxy_username", "one, because there is proxy_password");
  }
  if (username.size() > kMostOfLogin || password.text.reveal().size() > kMostOfLogin) {
    section.blame("proxy_username",
                  "goes with a login that is too long for a proxy; expected 255 "
                  "octets at most, for the password as well");
  }
  if (!upstream.proxy) return;
  upstream.proxy->username = std::move(username);
  upstream.proxy->password = std::move(password.text);
}

}  // namespace sallyport::config
