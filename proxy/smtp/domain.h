// Domains and address literals: RFC 5321 sections 4.1.2 and 4.1.3. Used inside this room only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::smtp {

constexpr std::size_t kMaxDomain = 255;  ///< RFC 5321 section 4.5.3.1.2.

/// Is `text` a Domain: labels of letters, digits, inner hyphens and underscores, at most 63 octets
/// each (RFC 1035 section 2.3.4), joined by dots? RFC 5321 has no underscores, but names with them
/// are in the DNS (RFC 2181 section 11) and receive mail. `allow_utf8` admits U-labels (RFC 6531
/// section 3.3), whose UTF-8 is checked by the caller. The error says what is wrong, without naming
/// the whole.
Result<void> check_domain(std::string_view text, bool allow_utf8);

/// Is `text`, brackets included, an IPv4, IPv6 or general address literal?
Result<void> check_address_literal(std::string_view text);

/// An octet as an error text can show it: 'x', or its number when it cannot be printed.
std::string show_octet(char c);

}  // namespace sallyport::smtp
