#include "proxy/base/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

namespace sallyport {
namespace {

constexpr IpAddress::Octets kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kMappedOctets = 12;
constexpr unsigned kMappedBits = 96;
constexpr unsigned kAllBits = 128;

/// The mask of octet `index` for a network of `length` bits.
std::uint8_t mask(std::size_t index, unsigned length) {
  const unsigned bits = std::min(length - std::min<unsigned>(length, unsigned(index) * 8), 8u);
  return static_cast<std::uint8_t>(0xff00u >> bits);
}

/// A length as it is written: no sign, no leading zero.
std::optional<unsigned> read_length(std::string_view digits, unsigned most) {
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  unsigned length = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, length);
  if (error != std::errc() || stop != end || length > most) return std::nullopt;
  return length;
}

}  // namespace

IpAddress IpAddress::v4(const std::array<std::uint8_t, 4>& octets) {
  Octets mapped = kMapped;
  std::ranges::copy(octets, mapped.begin() + kMappedOctets);
  return IpAddress(mapped);
}

std::optional<IpAddress> IpAddress::parse(std::string_view literal) {
  if (literal.size() >= INET6_ADDRSTRLEN || literal.contains('\0')) return std::nullopt;
  const std::string text(literal);
  std::array<std::uint8_t, 4> v4_octets{};
  if (inet_pton(AF_INET, text.c_str(), v4_octets.data()) == 1) return v4(v4_octets);
  Octets octets{};
  if (inet_pton(AF_INET6, text.c_str(), octets.data()) == 1) return IpAddress(octets);
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.begin() + kMappedOctets, octets_.begin());
}

bool IpAddress::is_loopback() const {
  static constexpr Octets kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return is_v4() ? octets_[kMappedOctets] == 127 : octets_ == kLoopback;
}

std::uint64_t IpAddress::network() const {
  const bool v4 = is_v4();
  std::uint64_t network = 0;
  for (std::size_t i = 0; i < 8; ++i) network = network << 8 | octets_[v4 ? 8 + i : i];
  // IPv4 addresses get numbers that no /64 of a client has: ffff:ffff:… is multicast.
  return v4 ? network | 0xffff'ffff'0000'0000u : network;
}

std::string IpAddress::str() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, octets_.data() + (v4 ? kMappedOctets : 0), text.data(),
            text.size());
  return text.data();
}

IpNetwork::IpNetwork(const IpAddress& address, unsigned length) : length_(length) {
  IpAddress::Octets octets = address.octets();
  for (std::size_t i = 0; i < octets.size(); ++i) octets[i] &= mask(i, length);
  first_ = IpAddress(octets);
}

std::optional<IpNetwork> IpNetwork::read(std::string_view text, bool& has_host_bits) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  // "::ffff:10.0.0.0/104" is an IPv6 way to say 10.0.0.0/8: its length counts all 128 bits.
  const unsigned before = text.substr(0, slash).contains(':') ? 0 : kMappedBits;
  unsigned length = kAllBits;
  if (slash != std::string_view::npos) {
    const auto said = read_length(text.substr(slash + 1), kAllBits - before);
    if (!said) return std::nullopt;
    length = before + *said;
  }
  const IpNetwork network(*address, length);
  has_host_bits = network.first_ != *address;
  return network;
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  bool has_host_bits = false;
  const auto network = read(text, has_host_bits);
  return has_host_bits ? std::nullopt : network;
}

std::optional<IpNetwork> IpNetwork::meant_by(std::string_view text) {
  bool has_host_bits = false;
  const auto network = read(text, has_host_bits);
  return has_host_bits ? network : std::nullopt;
}

bool IpNetwork::contains(const IpAddress& address) const {
  return IpNetwork(address, length_).first_ == first_;
}

std::string IpNetwork::str() const {
  const bool v4 = first_.is_v4() && length_ >= kMappedBits;
  return first_.str() + '/' + std::to_string(length_ - (v4 ? kMappedBits : 0));
}

}  // namespace sallyport
