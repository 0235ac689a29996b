// Clients that show a certificate: whom we trust, and who they are.
#pragma once

#include <string>

#include "proxy/base/result.h"
#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// Who it is that showed `chain` (leaf first): the leaf's subject as RFC 2253 writes it, or its
/// first alternative name ("URI:spiffe://…") if it has no subject. kTls says why the chain does not
/// lead to one of `roots`, or is not for clients.
Result<std::string> verify_client(const STACK_OF(CRYPTO_BUFFER) & chain, X509_STORE& roots);

/// The subjects of the certificates in a PEM text, as a server names the authorities it takes (RFC
/// 8446 section 4.2.4).
Result<bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)>> authority_names(std::string_view ca_pem);

}  // namespace sallyport::net
