// The certificates we trust as a client.
#pragma once

#include <string_view>

#include "proxy/base/result.h"
#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// A store of the roots in `ca_pem`.
Result<bssl::UniquePtr<X509_STORE>> roots_from(std::string_view ca_pem);

/// The system's roots: what SSL_CERT_FILE and SSL_CERT_DIR name, else the distribution's bundle.
/// Parsed once (it takes some 15 ms) and shared by every context of the process, until the file
/// changes. Thread-safe.
Result<bssl::UniquePtr<X509_STORE>> system_roots();

}  // namespace sallyport::net
