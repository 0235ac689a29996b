// Why a certificate is not accepted, in words an operator can act on.
#pragma once

#include <string>
#include <string_view>

#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// After a verification that failed: what is wrong with which certificate. `host` is whom we
/// wanted to reach.
std::string explain(X509_STORE_CTX& verification, std::string_view host);
/// The same of the certificate that a client showed us.
std::string explain_client(X509_STORE_CTX& verification);

/// A name as RFC 2253 writes it; "(no name)" if it is empty.
std::string distinguished_name(const X509_NAME* name);

}  // namespace sallyport::net
