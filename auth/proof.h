// What a SASL mechanism ends in: what the client has shown, for the Authenticator to judge.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "proxy/base/secret.h"

namespace sallyport::auth {

/// A name and its password: PLAIN and LOGIN. The names are not empty beyond `authzid`, all three
/// are UTF-8 without control characters; whether `authzid` may be acted for is the Authenticator's
/// to say.
struct Password {
  std::string authzid;  ///< Whom to act as; empty: `authcid` itself.
  std::string authcid;  ///< Whose password it is.
  Secret password;
};

/// A token that says itself whose it is: OAUTHBEARER (RFC 7628) and XOAUTH2. It has only the
/// characters of RFC 6750 section 2.1.
struct BearerToken {
  std::string name;  ///< Whom the client says it is, as `authcid` of a password; may be empty.
  Secret token;
};

/// The mechanism itself has proved that the client knows the password of this user: SCRAM.
struct ProvedUser {
  std::string authzid;        ///< As of a Password.
  std::string name;           ///< As the table has it.
  std::string password_hash;  ///< What it was proved against.
};

using Proof = std::variant<Password, BearerToken, ProvedUser>;

/// Whom the client says it is, for our own log; may be empty.
std::string_view claimed_name(const Proof& proof);

}  // namespace sallyport::auth
