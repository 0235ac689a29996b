// What a ClientHello (RFC 8446 section 4.1.2) tells before BoringSSL has looked at it.
#pragma once

#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// Can this client verify a handshake that is signed with `key`, an ECDSA key? If not, it may still
/// take one that is signed with RSA.
bool takes_ecdsa(const SSL_CLIENT_HELLO& hello, const EVP_PKEY& key);

}  // namespace sallyport::net
