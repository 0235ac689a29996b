#include "proxy/net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sallyport::net {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view kLineStart = "PROXY ";
// Section 2.2: chosen so that no server of another protocol takes it for its own.
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kHead = 16;  // signature, version and command, family, length

constexpr std::uint8_t kVersion2 = 0x20;
constexpr std::uint8_t kLocal = 0x0;
constexpr std::uint8_t kProxy = 0x1;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;

ProxyHeader fault(std::string_view reason) {
  return {.state = State::kFault, .size = 0, .client = std::nullopt, .reason = reason};
}

ProxyHeader whole(std::size_t size, std::optional<IpAddress> client) {
  return {.state = State::kWhole, .size = size, .client = client, .reason = {}};
}

/// Could `octets` still become, or have they become, something that starts with `start`?
bool agrees(std::string_view octets, std::string_view start) {
  const std::size_t size = std::min(octets.size(), start.size());
  return octets.substr(0, size) == start.substr(0, size);
}

/// Takes what stands before the next single space; nullopt: there is none, or nothing before it.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  if (space == rest.npos || space == 0) return std::nullopt;
  const std::string_view field = rest.substr(0, space);
  rest.remove_prefix(space + 1);
  return field;
}

/// Section 2.1: a decimal from 0 to 65535 without leading zeros.
bool is_port(std::string_view digits) {
  if (digits.empty() || digits.size() > 5) return false;
  if (digits.size() > 1 && digits.front() == '0') return false;
  unsigned port = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port <= 65535;
}

/// An address as "TCP4" or "TCP6" writes it.
std::optional<IpAddress> read_address(std::string_view text, bool v6) {
  if (text.contains(':') != v6) return std::nullopt;
  return IpAddress::parse(text);
}

ProxyHeader parse_line(std::string_view octets) {
  const std::string_view seen = octets.substr(0, kMostProxyLine);
  const std::size_t end = seen.find('\r');
  // The line ends with the first CR, which LF must follow: nothing before it may be either.
  if (seen.substr(0, end).contains('\n')) return fault("a bare LF in a PROXY line");
  if (end == seen.npos || end + 1 == seen.size()) {
    if (seen.size() == kMostProxyLine) return fault("a PROXY line of more than 107 octets");
    return {};
  }
  if (seen[end + 1] != '\n') return fault("a bare CR in a PROXY line");
  const std::size_t size = end + 2;
  std::string_view rest = seen.substr(kLineStart.size(), end - kLineStart.size());
  // Section 2.1: whatever is behind UNKNOWN is ignored.
  if (rest == "UNKNOWN" || rest.starts_with("UNKNOWN ")) return whole(size, std::nullopt);
  const auto family = take_field(rest);
  if (family != "TCP4" && family != "TCP6") {
    return fault("a PROXY line that is not of TCP4, TCP6 or UNKNOWN");
  }
  const auto source = take_field(rest);
  const auto destination = take_field(rest);
  const auto source_port = take_field(rest);
  if (!source || !destination || !source_port) return fault("a PROXY line that lacks a field");
  const auto client = read_address(*source, family == "TCP6");
  if (!client || !read_address(*destination, family == "TCP6")) {
    return fault("a PROXY line with an address that is none of its family");
  }
  if (!is_port(*source_port) || !is_port(rest)) return fault("a PROXY line with a bad port");
  return whole(size, client);
}

std::uint8_t octet(std::string_view octets, std::size_t at) {
  return static_cast<std::uint8_t>(octets[at]);
}

/// Octets of the addresses and ports that a family and transport of version 2 has; nullopt: section
/// 2.2 says that nobody sends it and that it must be refused.
std::optional<std::size_t> addresses_of(std::uint8_t family_and_transport) {
  switch (family_and_transport) {
    case 0x00:  // UNSPEC
      return 0;
    case kTcp4:
    case 0x12:  // UDP
      return 12;
    case kTcp6:
    case 0x22:
      return 36;
    case 0x31:  // AF_UNIX
    case 0x32:
      return 216;
    default:
      return std::nullopt;
  }
}

IpAddress source_of(std::string_view addresses, std::uint8_t family) {
  if (family == kTcp4) {
    std::array<std::uint8_t, 4> v4{};
    std::copy_n(addresses.begin(), v4.size(), v4.begin());
    return IpAddress::v4(v4);
  }
  IpAddress::Octets v6{};
  std::copy_n(addresses.begin(), v6.size(), v6.begin());
  return IpAddress(v6);
}

ProxyHeader parse_binary(std::string_view octets) {
  // What is wrong already is said already: nobody need wait for the rest of it.
  if (octets.size() > 12 && (octet(octets, 12) & 0xf0) != kVersion2) {
    return fault("a PROXY header of a version that is not 2");
  }
  if (octets.size() < kHead) return {};
  const std::uint8_t command = octet(octets, 12) & 0x0f;
  const std::uint8_t family = octet(octets, 13);
  const std::size_t length = std::size_t{octet(octets, 14)} * 256 + octet(octets, 15);
  if (command != kLocal && command != kProxy) {
    return fault("a PROXY header with an unknown command");
  }
  if (kHead + length > kMostProxyHeader) return fault("a PROXY header of more than 4096 octets");
  // Section 2.2: of a LOCAL connection the family and all that follows it are to be ignored.
  if (command == kProxy) {
    const auto needed = addresses_of(family);
    if (!needed) return fault("a PROXY header with an unknown family or transport");
    if (length < *needed) return fault("a PROXY header that is too short for its addresses");
  }
  if (octets.size() < kHead + length) return {};
  const bool has_client = command == kProxy && (family == kTcp4 || family == kTcp6);
  if (!has_client) return whole(kHead + length, std::nullopt);
  return whole(kHead + length, source_of(octets.substr(kHead), family));
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view octets) {
  if (octets.starts_with(kLineStart)) return parse_line(octets);
  if (octets.starts_with(kSignature)) return parse_binary(octets);
  if (agrees(octets, kLineStart) || agrees(octets, kSignature)) return {};
  return fault("no PROXY header");
}

bool looks_like_proxy_header(std::string_view octets) {
  return octets.starts_with("PROXY TCP4 ") || octets.starts_with("PROXY TCP6 ") ||
         octets.starts_with("PROXY UNKNOWN") || octets.starts_with(kSignature);
}

}  // namespace sallyport::net
