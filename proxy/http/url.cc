#include "proxy/http/url.h"

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/base/ip_address.h"

namespace sallyport::http {
namespace {

constexpr char kDigits[] = "0123456789ABCDEF";

std::string_view authority_of(std::string_view url) {
  const std::size_t start = url.find("://");
  if (start == url.npos) return {};
  url.remove_prefix(start + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

bool is_this_machine(std::string_view host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && IpAddress::parse(host).has_value());
}

}  // namespace

bool is_safe(std::string_view url) {
  const std::string_view authority = authority_of(url);
  const bool clean = std::ranges::all_of(url, [](char c) { return c > ' ' && c < 127; });
  if (!clean || authority.empty() || authority.contains('@')) return false;
  if (url.starts_with("https://")) return true;
  return url.starts_with("http://") && is_this_machine(host_of(url));
}

std::string host_of(std::string_view url) {
  std::string_view authority = authority_of(url);
  if (authority.starts_with('[')) {
    return std::string(authority.substr(1, authority.find(']') - 1));
  }
  return std::string(authority.substr(0, authority.find(':')));
}

std::string form_encoded(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size() * 3);  // no copy of a secret is left behind by growing
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    const bool plain = (octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') ||
                       (octet >= 'a' && octet <= 'z') || c == '-' || c == '.' || c == '_' ||
                       c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[octet >> 4];
      encoded += kDigits[octet & 15];
    }
  }
  return encoded;
}

}  // namespace sallyport::http
