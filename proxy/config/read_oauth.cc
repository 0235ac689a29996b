// oauth of an [[upstream]]: where access tokens come from. Which credential is there decides the
// grant. Files of keys are only looked for here: relay::read_settings reads them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "proxy/config/forms.h"
#include "proxy/config/sections.h"
#include "proxy/config/values.h"

namespace sallyport::config {
namespace {

constexpr auto kCredentials = std::to_array<std::string_view>(
    {"client_secret", "certificate", "token_file", "refresh_token", "service_account"});
constexpr std::string_view kTenant = "{tenant}";

/// Exactly one credential decides how tokens are got; a client secret may go with a refresh token.
void check_credentials(const Section& table) {
  std::vector<std::string_view> said;
  for (const std::string_view key : kCredentials) {
    if (table.has(key)) said.push_back(key);
  }
  const bool confidential_refresh =
      said.size() == 2 && said[0] == "client_secret" && said[1] == "refresh_token";
  if (said.empty()) {
    table.missing("client_secret", "a credential: " + list(kCredentials, '\'', "or"));
  } else if (said.size() > 1 && !confidential_refresh) {
    table.blame(said[1], fmt::format("stands beside {}; expected one credential", said[0]));
  }
}

void read_token_url(const Section& table, const Provider& provider, OAuth& oauth) {
  std::string tenant;
  const auto url = url_form("the https URL of the token endpoint", false);
  if (table.has("token_url")) {
    table.read("token_url", oauth.token_url, url);
    if (table.has("tenant")) {
      table.blame("tenant", "means nothing beside token_url; expected one of the two");
    }
    return;
  }
  oauth.token_url = provider.token_url;
  const std::size_t at = oauth.token_url.find(kTenant);
  if (at != std::string::npos) {
    const auto form = domain_form();
    if (!table.require(
            "tenant", tenant,
            Form<std::string>{.expected = "the id or domain of the tenant", .read = form.read})) {
      return;
    }
    oauth.token_url.replace(at, kTenant.size(), tenant);
  } else if (table.has("tenant")) {
    table.blame("tenant",
                fmt::format("means nothing to provider \"{}\"; expected token_url", provider.name));
  }
  // A service account's file says it.
  if (oauth.token_url.empty() && !table.has("service_account")) {
    table.missing("token_url", url.expected);
  }
}

/// Of a secret in a file only the file is kept: it is read again for each token.
void read_renewable(const Section& table, std::string_view key, std::string_view noun,
                    const Outside& outside, SecretSource& into) {
  read_secret(table, key, noun, schema::kSecret, outside, into);
  if (!into.file.empty()) into.text = Secret();
}

}  // namespace

void read_oauth(const Section& section, const Outside& outside, const Provider& provider,
                Upstream& upstream) {
  const auto table = section.table("oauth", schema::kOAuth);
  if (!table) return;
  for (const std::string_view other : {"password", "secret_access_key"}) {
    if (section.has(other)) {
      section.blame(other, "stands beside oauth; expected one of the two");
    }
  }
  OAuth oauth;
  oauth.origin = {table->place()};
  check_credentials(*table);
  read_token_url(*table, provider, oauth);
  const auto client_id = text_form("the id of the application at the token server");
  if (table->has("service_account")) {
    table->read("client_id", oauth.client_id, client_id);
  } else {
    table->require("client_id", oauth.client_id, client_id);
  }
  read_renewable(*table, "client_secret", "the client secret", outside, oauth.client_secret);
  read_renewable(*table, "refresh_token", "the refresh token", outside, oauth.refresh_token);
  if (table->has("certificate") || table->has("key")) {
    require_readable_file(*table, "certificate", outside, oauth.certificate);
    require_readable_file(*table, "key", outside, oauth.key);
  }
  if (table->has("token_file"))
    require_readable_file(*table, "token_file", outside, oauth.token_file,
                          "the path of a file that holds the token");
  if (table->has("service_account")) {
    require_readable_file(*table, "service_account", outside, oauth.service_account,
                          "the path of the JSON key file of a service account");
    oauth.subject = upstream.username;
  }
  if (table->read("subject", oauth.subject, text_form("the mailbox that the tokens are for")) &&
      !table->has("service_account")) {
    table->blame("subject", "means nothing without service_account; expected no such key");
  }
  oauth.scope = provider.token_scope;
  table->read("scope", oauth.scope, text_form("what the access token is asked for"));
  if (oauth.scope.empty() && !table->has("refresh_token") && !table->has("scope")) {
    table->missing("scope", "what the access token is asked for");
  }
  if (table->has("ca")) require_readable_file(*table, "ca", outside, oauth.ca);
  table->read(
      "proxy", oauth.proxy,
      url_form("the URL of an HTTP proxy, such as \"http://proxy.example.com:3128\"", true));
  upstream.oauth = std::move(oauth);
}

}  // namespace sallyport::config
