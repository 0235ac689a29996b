// The mechanisms of this room, one function each.
#pragma once

#include "proxy/sasl/client.h"

namespace sallyport::sasl {

std::unique_ptr<Client> plain(const Login& login);
std::unique_ptr<Client> login_mechanism(const Login& login);
std::unique_ptr<Client> xoauth2(const Login& login);
std::unique_ptr<Client> oauthbearer(const Login& login);
/// By libgsasl: "SCRAM-SHA-256" or "CRAM-MD5". kInvalid: it refuses the login.
Result<std::unique_ptr<Client>> by_library(std::string_view mechanism, const Login& login);

}  // namespace sallyport::sasl
