// The form of a stored password: an argon2id hash as a PHC string. Checked here, so that a config
// that was accepted never makes a login fail or take a minute; verified in auth.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::config {

/// The cost parameters of a hash.
struct PasswordHashCost {
  std::uint32_t memory_kib = 0;
  std::uint32_t passes = 0;
  std::uint32_t lanes = 0;
};

/// Reads `$argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH` (base64 without padding). The error says
/// what is wrong with it and never quotes it: what stands there may be a password.
Result<PasswordHashCost> parse_password_hash(std::string_view text);

}  // namespace sallyport::config
