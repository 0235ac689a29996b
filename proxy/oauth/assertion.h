// JSON Web Tokens that prove who we are to a token server (RFC 7523).
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace sallyport::oauth {

/// An assertion of a client about itself (`private_key_jwt`), signed with the key of a certificate
/// that the server knows. Valid for five minutes from `now`. kInvalid: a PEM text is of no use.
Result<Secret> client_assertion(std::string_view certificate_pem, std::string_view key_pem,
                                std::string_view client_id, std::string_view token_url,
                                WallTime now);

/// What the key file of a Google service account says.
struct ServiceAccount {
  std::string email;
  std::string key_id;
  Secret key;  ///< PEM.
  std::string token_url;
};

/// kInvalid: it is no such file.
Result<ServiceAccount> parse_service_account(std::string_view json);

/// An assertion of a service account that acts for `subject`, valid for an hour from `now`.
Result<Secret> service_account_assertion(const ServiceAccount& account, std::string_view subject,
                                         std::string_view scope, std::string_view token_url,
                                         WallTime now);

}  // namespace sallyport::oauth
