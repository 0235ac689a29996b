// Why a certificate is not accepted, in words an operator can act on.
#pragma once

#include <string>
#include <string_view>

#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// After a verification that failed: what is wrong with which certificate. `host` is whom we
/// wanted to reach.
std::string explain(X509_STORE_CTX& verification, std::string_view host);

}  // namespace sallyport::net
