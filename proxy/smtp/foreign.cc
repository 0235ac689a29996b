#include "proxy/smtp/foreign.h"

#include <algorithm>
#include <array>

#include "proxy/base/ascii.h"

namespace sallyport::smtp {
namespace {

// RFC 9110 section 9, RFC 5789, RFC 4918 and the preface of HTTP/2 (RFC 9113 section 3.4).
constexpr auto kMethods = std::to_array<std::string_view>(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND",
     "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "PRI"});

// RFC 8446 section 5.1: a handshake record of any version since SSL 3.0.
constexpr std::string_view kTlsHandshake("\x16\x03", 2);

// Longer than any field name in use: whether a line is told from SMTP must not depend on how far
// into it the octets had come.
constexpr std::size_t kLongestFieldName = 64;

/// What a field name of HTTP or of a message is made of.
bool is_field_name(std::string_view word) {
  return !word.empty() && word.size() <= kLongestFieldName &&
         std::ranges::all_of(word, [](char c) { return ascii::is_alnum(c) || c == '-'; });
}

}  // namespace

Foreign foreign_protocol(std::string_view octets) {
  if (octets.starts_with(kTlsHandshake)) return Foreign::kTls;
  const std::size_t end = octets.find_first_of(" :\r\n");
  if (end == octets.npos || end == 0) return Foreign::kNone;
  const std::string_view word = octets.substr(0, end);
  // "Host:", "Content-Type:": "MAIL FROM:" has its colon in the second word.
  if (octets[end] == ':' && is_field_name(word)) return Foreign::kHttp;
  const bool is_method = std::ranges::any_of(kMethods, [word](std::string_view method) {
    return ascii::equals_ignoring_case(word, method);
  });
  return octets[end] == ' ' && is_method ? Foreign::kHttp : Foreign::kNone;
}

}  // namespace sallyport::smtp
