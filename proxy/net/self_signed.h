// A certificate for who has none yet.
#pragma once

#include <memory>
#include <string>

#include "proxy/base/result.h"
#include "proxy/net/server_certificate.h"

namespace sallyport::net {

/// A new P-256 key and a certificate for `name`, "localhost", 127.0.0.1 and ::1 that it has signed
/// itself, good for a year from yesterday on. The key never leaves the process. `pem` becomes the
/// certificate's text. kSystem: BoringSSL has no memory.
Result<std::shared_ptr<const ServerCertificate>> make_self_signed(const std::string& name,
                                                                  std::string& pem);

}  // namespace sallyport::net
