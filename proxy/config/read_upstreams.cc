// The sections about the other end: upstreams, and the routes that choose among them.
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

/// The reason why these bytes are no password, or "".
std::string_view fault_of_password(std::string_view password) {
  if (password.empty()) return "is empty";
  if (password.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return "holds more than one line";
  }
  return "";
}

void take_password(const Section& section, std::string_view key, const std::string& source,
                   std::string& bytes, Secret& into) {
  const std::string_view fault = fault_of_password(bytes);
  if (!fault.empty()) {
    section.blame(key, fmt::format("{} {}; expected one line with the password", source, fault));
  }
  into = Secret::consume(bytes);
}

void read_password_from_file(const Section& section, const Outside& outside, Secret& into) {
  std::string path;
  const auto form =
      path_form("the path of a file that holds the password", section.problems().file());
  if (!section.read("file", path, form)) return;
  Result<std::string> content = outside.read_file(path);
  if (!content) {
    section.blame("file", fmt::format("is {}, which cannot be read: {}; expected {}", quote(path),
                                      content.error().text, form.expected));
    return;
  }
  if (content->ends_with('\n')) content->pop_back();
  if (content->ends_with('\r')) content->pop_back();
  take_password(section, "file", fmt::format("is {}, which", quote(path)), *content, into);
}

void read_password_from_environment(const Section& section, const Outside& outside, Secret& into) {
  std::string name;
  const auto form = text_form("the name of an environment variable that holds the password");
  if (!section.read("env", name, form)) return;
  auto value = outside.environment(name);
  if (!value) {
    section.blame("env",
                  fmt::format("is {}, which is not set; expected {}", quote(name), form.expected));
    return;
  }
  take_password(section, "env", fmt::format("is {}, which", quote(name)), *value, into);
}

void read_password(const Section& section, const Outside& outside, Secret& into) {
  constexpr std::string_view kExpected =
      "text, { file = \"/path\" } or { env = \"NAME\" }, holding the password";
  const Node* node = section.find("password");
  if (!node) return;
  if (std::holds_alternative<Table>(node->value)) {
    const auto source = section.table("password", kPassword);
    if (!source) return;
    if (source->has("file") == source->has("env")) {
      section.blame("password", fmt::format("has {} file and env; expected one of the two",
                                            source->has("file") ? "both" : "neither"));
      return;
    }
    read_password_from_file(*source, outside, into);
    read_password_from_environment(*source, outside, into);
    return;
  }
  std::string text;
  if (section.read("password", text, secret_text_form(std::string(kExpected)))) {
    into = Secret::consume(text);
  }
}

void read_login(const Section& section, const Outside& outside, const Preset& preset,
                Upstream& upstream) {
  upstream.username = preset.default_username;
  const auto username = text_form("the user name the provider gave you");
  constexpr std::string_view kPassword = "the password the provider gave you";
  if (preset.needs_login && upstream.username.empty()) {
    section.require("username", upstream.username, username);
  } else {
    section.read("username", upstream.username, username);
  }
  read_password(section, outside, upstream.password);
  const bool has_password = section.has("password");
  if (!upstream.username.empty() && !has_password) section.missing("password", kPassword);
  if (has_password && !preset.needs_login && !section.has("username")) {
    section.missing("username", "one, because there is a password");
  }
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

void read_transport(const Section& section, const Preset& preset, Upstream& upstream) {
  section.read("tls", upstream.tls,
               choice_form<TlsMode>({{"implicit", TlsMode::kImplicit},
                                     {"starttls", TlsMode::kStarttls},
                                     {"none", TlsMode::kNone}}));
  upstream.port = default_port(preset, upstream.tls);
  section.read("port", upstream.port, integer_form<std::uint16_t>(1, 65535));
  section.read("ca", upstream.ca, path_form("the path of a PEM file", section.problems().file()));
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
}

void read_capture(const Section& section, Upstream& upstream) {
  section.require("path", upstream.path,
                  path_form("the path of the Maildir to keep mail in", section.problems().file()));
  for (const std::string_view key : keys::kUpstream) {
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
  read_transport(section, preset, upstream);
  read_login(section, outside, preset, upstream);
  read_pool(section, preset, upstream);
  return upstream;
}

std::string unknown_upstream(const std::string& name, const std::vector<Upstream>& upstreams) {
  std::vector<std::string_view> names;
  for (const Upstream& upstream : upstreams) {
    if (!upstream.name.empty()) names.push_back(upstream.name);
  }
  const std::string text = fmt::format("is {}, but no [[upstream]] has that name", quote(name));
  if (const auto meant = nearest(name, names)) {
    return fmt::format("{}; did you mean {}?", text, quote(*meant));
  }
  return fmt::format("{}; expected {}", text,
                     names.empty() ? "the name of an [[upstream]]" : list(names, '"', "or"));
}

Route read_route(const Section& section, const std::vector<Upstream>& upstreams) {
  Route route;
  std::vector<Placed<AddressPattern>> senders;
  section.read_list("senders", senders, pattern_form(), true);
  for (auto& sender : senders) route.senders.push_back(std::move(sender.value));

  const auto form = text_form("the name of an [[upstream]]");
  if (!section.has("upstreams")) {
    section.missing("upstreams", "an array of names of [[upstream]]s, the preferred one first");
  }
  std::vector<Placed<std::string>> names;
  section.read_list("upstreams", names, form, true);
  for (const auto& [name, place] : names) {
    const auto found = std::ranges::find(upstreams, name, &Upstream::name);
    const std::string path = section.path_of("upstreams");
    if (found == upstreams.end()) {
      section.problems().add(place, fmt::format("{} {}", path, unknown_upstream(name, upstreams)));
      continue;
    }
    const auto index = static_cast<std::size_t>(found - upstreams.begin());
    if (std::ranges::find(route.upstreams, index) != route.upstreams.end()) {
      section.problems().add(
          place, fmt::format("{} names {} again; expected each upstream once", path, quote(name)));
      continue;
    }
    route.upstreams.push_back(index);
  }
  return route;
}

}  // namespace

void read_upstreams(const Section& top, const Outside& outside, Config& config) {
  Names names;
  for (const Section& section : top.tables("upstream", kUpstream)) {
    config.upstreams.push_back(read_upstream(section, outside, names));
  }
  if (!top.has("upstream")) {
    top.missing("upstream", "at least one [[upstream]] to hand mail to");
  }
}

void read_routes(const Section& top, Config& config) {
  for (const Section& section : top.tables("route", kRoute)) {
    config.routes.push_back(read_route(section, config.upstreams));
  }
  if (top.has("route")) return;
  Route all;
  for (std::size_t i = 0; i < config.upstreams.size(); ++i) all.upstreams.push_back(i);
  config.routes.push_back(std::move(all));
}

}  // namespace sallyport::config
