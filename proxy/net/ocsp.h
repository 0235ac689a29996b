// OCSP responses (RFC 6960), as far as a server must understand what it staples.
#pragma once

#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// Reads a DER response that is to be stapled to `leaf`: it must be successful, be about this
/// serial number (and name its issuer by SHA-1 or SHA-256), say "good" and be in force at `now`.
/// Gives when it ends: its nextUpdate, or the end of time without one. The signature is for the
/// client to verify.
Result<WallTime> check_ocsp_response(std::string_view der, X509& leaf, WallTime now);

}  // namespace sallyport::net
