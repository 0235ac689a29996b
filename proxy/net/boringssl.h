// The one way into BoringSSL's SSL for the files of this room. Never included from outside it.
#pragma once

#include <openssl/base.h>

#ifndef OPENSSL_IS_BORINGSSL
#error "OpenSSL's headers were found before BoringSSL's: check BORINGSSL_ROOT"
#endif

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string_view>

namespace sallyport::net {

/// A view as BoringSSL takes octets.
inline const std::uint8_t* octets(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

/// PEM text to read from; nothing is copied.
inline bssl::UniquePtr<BIO> reader_of(std::string_view pem) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

/// What both sides negotiate: TLS 1.2 with forward secrecy and AEAD only, or TLS 1.3. False only
/// when memory ran out.
bool restrict_protocol(SSL_CTX* context);

}  // namespace sallyport::net
