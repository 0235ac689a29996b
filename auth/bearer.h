// OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's and Microsoft's), the server's side, sans-I/O.
#pragma once

#include <memory>

#include "auth/sasl.h"

namespace sallyport::auth {

std::unique_ptr<SaslExchange> oauthbearer();
std::unique_ptr<SaslExchange> xoauth2();

}  // namespace sallyport::auth
