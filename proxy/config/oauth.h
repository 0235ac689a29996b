// How an upstream's access tokens are got (OAuth 2, RFC 6749): a part of [[upstream]].
#pragma once

#include <string>

#include "proxy/base/secret.h"
#include "proxy/config/place.h"

namespace sallyport::config {

/// A secret that the config holds, or a file that does. A file is read each time the secret is
/// needed, so that a new one is used without a reload.
struct SecretSource {
  Secret text;       ///< From the config or the environment.
  std::string file;  ///< Empty: `text` is it.

  bool empty() const { return text.empty() && file.empty(); }
  bool operator==(const SecretSource& other) const;
};

/// `oauth` of an upstream. Exactly one of client_secret (without refresh_token), certificate,
/// token_file, refresh_token and service_account is set: it decides the grant.
struct OAuth {
  std::string token_url;  ///< https; empty only with service_account, whose file may say it.
  std::string scope;      ///< Empty: none is asked for.
  std::string client_id;
  SecretSource client_secret;
  std::string certificate;      ///< PEM file, for a signed assertion (RFC 7523) with `key`.
  std::string key;              ///< PEM file.
  std::string token_file;       ///< Of a federated identity's token, an assertion itself.
  SecretSource refresh_token;   ///< RFC 6749 section 6.
  std::string service_account;  ///< JSON file with the key of a Google service account.
  std::string subject;          ///< The mailbox that a service account acts for.
  std::string ca;               ///< PEM file of roots for the token server; empty: the system's.
  std::string proxy;   ///< URL of an HTTP proxy; empty: none, whatever the environment says.
  Origin origin = {};  ///< Of the table.

  bool operator==(const OAuth&) const = default;
};

}  // namespace sallyport::config
