// The login of an upstream: a user name, and a password, or what a password is made from.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "proxy/base/ascii.h"
#include "proxy/config/forms.h"
#include "proxy/config/sections.h"
#include "proxy/config/ses_password.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kProviderPassword = "the password the provider gave you";
constexpr auto kMechanisms = std::to_array<std::string_view>(
    {"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"});

bool takes_token(std::string_view mechanism) {
  return mechanism == "XOAUTH2" || mechanism == "OAUTHBEARER";
}

void read_mechanisms(const Section& section, Upstream& upstream) {
  std::vector<std::pair<std::string_view, std::string>> choices;
  choices.reserve(std::size(kMechanisms));
  for (const std::string_view mechanism : kMechanisms) choices.emplace_back(mechanism, mechanism);
  std::vector<Element<std::string>> mechanisms;
  section.read_list("auth_mechanisms", mechanisms, choice_form<std::string>(std::move(choices)),
                    true);
  for (Element<std::string>& mechanism : mechanisms) {
    if (upstream.oauth && !takes_token(mechanism.value)) {
      section.problems().add(
          mechanism.place,
          fmt::format("{} is {}, which does not take an access token; expected \"XOAUTH2\" or "
                      "\"OAUTHBEARER\" where there is oauth",
                      mechanism.path, quote(mechanism.value)));
    }
    upstream.auth_mechanisms.push_back(std::move(mechanism.value));
  }
}

/// A password of SES, from the secret access key that stands in its place.
void read_secret_access_key(const Section& section, const Outside& outside,
                            const Provider& provider, std::string_view region, Upstream& upstream) {
  SecretSource key;
  if (!read_secret(section, "secret_access_key", "the secret access key", schema::kSecret, outside,
                   key)) {
    return;
  }
  if (!provider.takes_secret_access_key) {
    section.blame(
        "secret_access_key",
        fmt::format("means nothing to provider \"{}\"; expected password", provider.name));
    return;
  }
  if (section.has("password")) {
    section.blame("secret_access_key", "stands beside a password; expected one of the two");
  }
  if (region.empty()) {
    section.missing("region", "the region whose password is derived from secret_access_key");
    return;
  }
  upstream.password = ses_smtp_password(key.text.reveal(), region);
  upstream.password_file = key.file;
  upstream.secret_key_region = region;
}

/// A file for each tenant, which is read when the tenant first sends. False: it is none.
bool read_password_of_tenants(const Section& section, Upstream& upstream) {
  const Node* node = section.find("password");
  const auto* table = node ? std::get_if<Table>(&node->value) : nullptr;
  const Node* file = table ? table->find("file") : nullptr;
  const auto* path = file ? std::get_if<std::string>(&file->value) : nullptr;
  if (!path || !names_tenant(*path)) return false;
  const auto source = section.table("password", schema::kPassword);
  if (!source) return true;
  if (source->has("env")) {
    section.blame("password", "has both file and env; expected one of the two");
  }
  source->read("file", upstream.password_file,
               path_form("the path of a file for each tenant that holds the password",
                         section.problems().file()));
  return true;
}

/// `{usr}` would be sent as it stands, by every tenant.
void check_placeholders(const Section& section, std::string_view key, std::string_view text) {
  for (std::size_t open = text.find('{'); open != text.npos; open = text.find('{', open + 1)) {
    const std::size_t close = text.find('}', open);
    if (close == text.npos) return;
    const std::string_view placeholder = text.substr(open, close + 1 - open);
    const bool is_name = std::ranges::all_of(placeholder.substr(1, placeholder.size() - 2),
                                             [](char c) { return ascii::is_alpha(c) || c == '_'; });
    if (!is_name || placeholder == "{user}" || placeholder == "{group}") continue;
    section.blame(key, fmt::format("has {}, which stands for nothing; expected \"{{user}}\" or "
                                   "\"{{group}}\"",
                                   quote(placeholder)));
    return;
  }
}

/// The key that stands in place of a password, or "password".
std::string_view credential_key(const Section& section) {
  for (const std::string_view key : {"oauth", "secret_access_key"}) {
    if (section.has(key)) return key;
  }
  return "password";
}

}  // namespace

void read_login(const Section& section, const Outside& outside, const Provider& provider,
                std::string_view region, Upstream& upstream) {
  upstream.username = provider.username;
  const auto username = text_form("the user name the provider gave you");
  const Node* name = section.find("username");
  if (name && std::holds_alternative<Table>(name->value)) {
    SecretSource source;
    read_secret(section, "username", "the user name", schema::kSecret, outside, source);
    upstream.username = source.text.reveal();
  } else if (provider.login && upstream.username.empty()) {
    section.require("username", upstream.username, username);
  } else {
    section.read("username", upstream.username, username);
  }
  check_placeholders(section, "username", upstream.username);
  if (read_password_of_tenants(section, upstream)) {
    check_placeholders(section, "password", upstream.password_file);
  } else {
    SecretSource password;
    read_secret(section, "password", "the password", schema::kPassword, outside, password);
    upstream.password = std::move(password.text);
    upstream.password_file = std::move(password.file);
  }
  read_secret_access_key(section, outside, provider, region, upstream);
  read_oauth(section, outside, provider, upstream);
  read_mechanisms(section, upstream);

  const std::string_view key = credential_key(section);
  const bool has_credential = section.has(key);
  const bool logs_in = provider.login || section.has("username");
  if (logs_in && !has_credential) section.missing("password", kProviderPassword);
  if (has_credential && !provider.login && !section.has("username")) {
    section.missing("username", fmt::format("one, because there is {}",
                                            key == "password" ? "a password" : std::string(key)));
  }
}

}  // namespace sallyport::config
