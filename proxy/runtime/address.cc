#include "proxy/runtime/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

namespace sallyport::runtime {

Result<SocketAddress> SocketAddress::parse(const std::string& ip, std::uint16_t port) {
  sockaddr_in v4{};
  if (inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return from(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return fail(ErrorCode::kInvalid, "'" + ip + "' is not an IP address");
}

SocketAddress SocketAddress::from(const sockaddr* address, socklen_t size) {
  SocketAddress copy;
  std::memcpy(&copy.storage_, address, size);
  copy.size_ = size;
  return copy;
}

std::string SocketAddress::ip() const {
  return storage_.ss_family == AF_INET || storage_.ss_family == AF_INET6 ? ip_address().str() : "";
}

IpAddress SocketAddress::ip_address() const {
  if (storage_.ss_family == AF_INET6) {
    IpAddress::Octets octets{};
    const auto& v6 = reinterpret_cast<const sockaddr_in6*>(get())->sin6_addr;
    std::memcpy(octets.data(), v6.s6_addr, octets.size());
    return IpAddress(octets);
  }
  if (storage_.ss_family != AF_INET) return {};
  std::array<std::uint8_t, 4> octets{};
  std::memcpy(octets.data(), &reinterpret_cast<const sockaddr_in*>(get())->sin_addr, octets.size());
  return IpAddress::v4(octets);
}

std::uint16_t SocketAddress::port() const {
  if (storage_.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(get())->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(get())->sin_port);
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const {
  SocketAddress other = *this;
  if (storage_.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&other.storage_)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&other.storage_)->sin_port = htons(port);
  }
  return other;
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  return get()->sa_family == other.get()->sa_family && port() == other.port() &&
         ip_address() == other.ip_address();
}

bool SocketAddress::is_loopback() const { return ip_address().is_loopback(); }

std::string SocketAddress::str() const {
  const std::string text = ip();
  const bool brackets = text.find(':') != std::string::npos;
  return (brackets ? '[' + text + ']' : text) + ':' + std::to_string(port());
}

}  // namespace sallyport::runtime
