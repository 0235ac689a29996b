// DKIM keys as DNS has them (RFC 6376 section 3.6.1).
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace sallyport::doctor {

struct DkimKey {
  std::string type = "rsa";  ///< `k`.
  std::size_t bits = 0;      ///< Of an RSA key, about; 0: another kind.
  bool revoked = false;      ///< `p` is empty.
  bool is_testing = false;   ///< `t=y`: receivers may ignore it.
};

/// Is this TXT record one of a DKIM key, however broken? The version may be missing.
bool is_dkim_key(std::string_view text);
/// The error says what is wrong.
std::expected<DkimKey, std::string> parse_dkim_key(std::string_view text);

}  // namespace sallyport::doctor
