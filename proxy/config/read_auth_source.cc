// [[auth.source]] beyond files of passwords: who else is asked who a client is. What their files
// hold is looked at by auth::read_sources.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/config/forms.h"
#include "proxy/config/numbers.h"
#include "proxy/config/rights.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::string_view kCluster = "https://kubernetes.default.svc";
constexpr std::string_view kClusterCa = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
constexpr std::string_view kClusterToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";
constexpr std::size_t kLongestName = 64;
constexpr std::string_view kNameExpected =
    "a name of letters, digits, dots, hyphens and underscores";

constexpr auto kAsked = std::to_array<std::string_view>(
    {"type", "name", "ca", "timeout", "cache_lifetime", "grace", "concurrency"});
constexpr auto kToken = std::to_array<std::string_view>(
    {"issuer", "jwks", "audience", "user", "groups", "labels", "senders", "leeway", "max_life"});
constexpr auto kKubernetes =
    std::to_array<std::string_view>({"issuer", "audience", "user", "groups", "labels", "senders",
                                     "leeway", "max_life", "review", "url", "token"});
constexpr auto kHttp = std::to_array<std::string_view>({"url", "token"});
constexpr auto kNetwork = std::to_array<std::string_view>(
    {"type", "name", "networks", "user", "senders", "limits", "groups", "labels"});

bool has(std::span<const std::string_view> keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

/// The keys that say something where `kind` is the type.
bool means_something(SourceKind kind, std::string_view key) {
  switch (kind) {
    case SourceKind::kToken:
      return has(kAsked, key) || has(kToken, key);
    case SourceKind::kKubernetes:
      return has(kAsked, key) || has(kKubernetes, key);
    case SourceKind::kHttp:
      return has(kAsked, key) || has(kHttp, key);
    case SourceKind::kNetwork:
      return has(kNetwork, key);
  }
  return false;
}

Form<std::string> name_form() {
  return {.expected = std::string(kNameExpected),
          .read = [](const Node& node) -> std::expected<std::string, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            const auto fits = [](char c) {
              return ascii::is_alnum(c) || c == '.' || c == '-' || c == '_';
            };
            if (!text || text->empty() || text->size() > kLongestName ||
                !std::ranges::all_of(*text, fits)) {
              return std::unexpected("");
            }
            return *text;
          }};
}

/// https, or http to this machine: what is sent is a secret.
void read_url(const Section& section, std::string& into) {
  if (!section.read("url", into, url_form("an https URL", true))) return;
  const auto is_here = [&](std::string_view host) {
    return into.starts_with(fmt::format("http://{}/", host)) ||
           into.starts_with(fmt::format("http://{}:", host)) ||
           into == fmt::format("http://{}", host);
  };
  const bool safe = into.starts_with("https://") || is_here("127.0.0.1") || is_here("[::1]") ||
                    is_here("localhost");
  if (!safe) {
    section.blame("url", fmt::format("is {}; expected https, or http to 127.0.0.1, [::1] or "
                                     "localhost: what is sent there is a secret",
                                     quote(into)));
  }
}

/// One text, or a list of them.
void read_texts(const Section& section, std::string_view key, const Form<std::string>& form,
                std::vector<std::string>& into) {
  const Node* const node = section.find(key);
  if (node && std::holds_alternative<std::string>(node->value)) {
    std::string one;
    if (section.read(key, one, form)) into = {std::move(one)};
  } else {
    section.read_values(key, into, form, true);
  }
}

/// A text with {claims} in it.
Form<std::string> template_form(std::string expected) {
  Form<std::string> form = text_form(std::move(expected));
  form.read = [read = form.read](const Node& node) -> std::expected<std::string, std::string> {
    auto text = read(node);
    if (!text) return text;
    bool open = false;
    std::size_t size = 0;
    for (const char c : *text) {
      if ((c == '{' && open) || (c == '}' && (!open || size == 0))) {
        return std::unexpected("a claim stands in braces: {sub}");
      }
      if (c == '{' || c == '}') open = c == '{';
      size = c == '{' ? 0 : size + 1;
    }
    if (open) return std::unexpected("a { has no }");
    return text;
  };
  return form;
}

void read_token_checks(const Section& section, const Outside& outside, const std::string& file,
                       AuthSource& source) {
  const auto issuer = text_form("the issuer of the tokens, as their claim iss says it");
  if (source.kind == SourceKind::kToken) {
    section.require("issuer", source.issuer, issuer);
    if (section.read("jwks", source.jwks, text_form("a URL or the path of the issuer's keys"))) {
      source.jwks_origin = {section.place_of("jwks")};
      if (is_url(source.jwks)) {
        section.read("jwks", source.jwks, url_form("an https URL of a JWK set", false));
      } else {
        section.read("jwks", source.jwks, path_form("the path of a JWK set", file));
        require_readable_file(section, "jwks", outside, source.jwks,
                              "the path of a JWK set, or its https URL");
      }
    } else if (!section.has("jwks") && !source.issuer.empty() &&
               !source.issuer.starts_with("https://")) {
      section.blame("issuer", fmt::format("is {}, which is no https URL that its keys could be "
                                          "found by; expected one, or jwks",
                                          quote(source.issuer)));
    }
  } else {
    section.read("issuer", source.issuer, issuer);
    source.audience = {"sallyport"};
    source.user = "{namespace}/{serviceaccount}";
  }
  const auto audience = text_form("whom the tokens are for, as their claim aud says it");
  if (source.kind == SourceKind::kToken && !section.has("audience")) {
    section.missing("audience",
                    audience.expected + ": without it a token for anybody else would do here");
  }
  read_texts(section, "audience", audience, source.audience);
  section.read("user", source.user, template_form("the user's name, such as \"{sub}\""));
  if (section.has("user") && !source.user.contains('{')) {
    section.blame("user",
                  "has no claim in it, so that all tokens would be one user; expected a "
                  "text such as \"{sub}\"");
  }
  read_texts(section, "senders",
             template_form("an address pattern, such as "
                           "\"*@{namespace}.example.com\""),
             source.sender_templates);
  section.read("leeway", source.leeway, duration_form(milliseconds(0), std::chrono::minutes(5)));
  section.read("max_life", source.max_life, duration_form(seconds(1), hours(24 * 366)));
  section.read("review", source.review, boolean_form());
}

void read_groups_and_labels(const Section& section, AuthSource& source) {
  read_texts(section, "groups", template_form("the name of a group, or a claim that lists them"),
             source.groups);
  source.labels = read_labels(section);
}

void read_cluster(const Section& section, const Outside& outside, AuthSource& source) {
  if (!section.has("url")) source.url = kCluster;
  const auto readable = [&](std::string_view path) {
    const std::string text(path);
    return outside.readable ? outside.readable(text).has_value()
                            : outside.read_file(text).has_value();
  };
  const auto by_default = [&](std::string_view key, std::string_view path, std::string& into) {
    if (section.has(key)) return;
    into = path;
    if (!readable(path)) {
      section.blame(key, fmt::format("is not said, and {} cannot be read: this is no pod of a "
                                     "cluster; expected url, ca and token",
                                     quote(into)));
    }
  };
  by_default("ca", kClusterCa, source.ca);
  by_default("token", kClusterToken, source.token.file);
}

/// Wider than 10.0.0.0/8 and fc00::/7, which are the widest that anybody has to himself.
bool is_half_the_world(const IpNetwork& network) {
  const std::string text = network.str();
  std::string_view bits = std::string_view(text).substr(text.rfind('/') + 1);
  const auto length = take_number(bits);
  return text.contains('/') && length.value_or(0) < (text.contains(':') ? 7 : 8);
}

void read_network(const Section& section, const Config& config, AuthSource& source) {
  section.require(
      "networks", source.networks,
      Form<std::vector<IpNetwork>>{
          .expected = "a list of networks, such as [\"127.0.0.1\", \"10.1.2.0/24\"]",
          .read = [](const Node& node) -> std::expected<std::vector<IpNetwork>, std::string> {
            const auto* list = std::get_if<Array>(&node.value);
            if (!list || list->empty()) return std::unexpected("");
            return std::vector<IpNetwork>();
          }});
  section.read_values("networks", source.networks, network_form(), true);
  for (const IpNetwork& network : source.networks) {
    if (is_half_the_world(network)) {
      section.blame("networks", fmt::format("has {}, which is too many to know them: that would be "
                                            "an open relay; expected networks of /8 or longer, of "
                                            "IPv6 /7 or longer",
                                            network.str()));
    }
  }
  section.require("user", source.user, text_form("the name that these clients have"));
  section.read_values("senders", source.senders, pattern_form(), true);
  if (const auto limits = section.table("limits", schema::kUserLimits)) {
    source.limits = read_limits(*limits, Limits());
  }
  read_groups_and_labels(section, source);
  // The rights are those that the identity will have.
  User user{.name = source.user,
            .password_hash = {},
            .senders = source.senders,
            .limits = {},
            .groups = source.groups};
  give_rights(config.auth.rules, config.auth.group_rules, config.limits, user);
  if (user.senders.empty()) {
    section.blame("senders",
                  "is not said, and no [[auth.user]] match or [[auth.group]] gives any: whoever is "
                  "in these networks could send as anybody; expected the addresses it may use");
  }
}

}  // namespace

std::string_view name_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::kToken:
      return "token";
    case SourceKind::kKubernetes:
      return "kubernetes";
    case SourceKind::kHttp:
      return "http";
    case SourceKind::kNetwork:
      return "network";
  }
  return "";
}

void read_asked_source(const Section& section, SourceKind kind, const Outside& outside,
                       Names& names, Config& config) {
  AuthSource source;
  source.kind = kind;
  source.name = name_of(kind);
  source.origin = {section.place()};
  section.read("name", source.name, name_form());
  names.take(section, section.has("name") ? "name" : "type", source.name);
  for (const std::string_view key : schema::kAuthSource.keys) {
    if (section.has(key) && !means_something(kind, key)) {
      section.blame(key, fmt::format("means nothing with type = \"{}\"; expected no such key",
                                     name_of(kind)));
    }
  }
  if (kind == SourceKind::kNetwork) {
    read_network(section, config, source);
    config.auth.asked_sources.push_back(std::move(source));
    return;
  }
  section.read("timeout", source.timeout, duration_form(milliseconds(100), seconds(30)));
  section.read("cache_lifetime", source.cache_lifetime, duration_form(milliseconds(0), hours(24)));
  section.read("grace", source.grace, duration_form(milliseconds(0), hours(24)));
  section.read("concurrency", source.concurrency, integer_form<std::uint32_t>(1, 256));
  if (section.has("ca")) require_readable_file(section, "ca", outside, source.ca);
  source.ca_origin = {section.place_of("ca")};
  if (kind != SourceKind::kToken) {
    read_url(section, source.url);
    read_secret(section, "token", "the token that sallyport shows there", schema::kSecret, outside,
                source.token);
    if (!source.token.file.empty()) source.token.text = Secret();
  }
  if (kind == SourceKind::kHttp) {
    if (!section.has("url")) section.missing("url", "the https URL of the webhook");
  } else {
    if (kind == SourceKind::kKubernetes) read_cluster(section, outside, source);
    read_token_checks(section, outside, config.file, source);
    read_groups_and_labels(section, source);
  }
  config.auth.asked_sources.push_back(std::move(source));
}

}  // namespace sallyport::config
