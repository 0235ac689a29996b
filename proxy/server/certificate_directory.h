// A folder of certificates, as Kubernetes mounts Secrets and as people copy files.
#pragma once

#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/config.h"

namespace sallyport::server {

/// The pairs in `directory`, in the order of their names: `NAME/tls.crt` with `NAME/tls.key` in
/// each subfolder that has either, and `NAME.crt` with `NAME.key` beside it in the folder itself (a
/// certificate without a key there, such as `ca.crt`, is nobody's). A file `tls.ocsp` or
/// `NAME.ocsp` is the OCSP response. What begins with a dot is passed over: Kubernetes keeps the
/// generations of a Secret there. kSystem says why the folder cannot be listed.
Result<std::vector<config::CertificateFiles>> certificates_in(const std::string& directory);

}  // namespace sallyport::server
