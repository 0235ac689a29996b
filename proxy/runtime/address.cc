#include "proxy/runtime/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace sallyport::runtime {
namespace {

const in6_addr* v6_address(const sockaddr* address) {
  return address->sa_family == AF_INET6 ? &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr
                                        : nullptr;
}

}  // namespace

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
  char text[INET6_ADDRSTRLEN] = "";
  if (const in6_addr* v6 = v6_address(get())) {
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
      inet_ntop(AF_INET, &v6->s6_addr[12], text, sizeof text);
    } else {
      inet_ntop(AF_INET6, v6, text, sizeof text);
    }
  } else if (storage_.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(get())->sin_addr, text, sizeof text);
  }
  return text;
}

std::uint16_t SocketAddress::port() const {
  if (storage_.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(get())->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(get())->sin_port);
}

bool SocketAddress::is_loopback() const {
  const std::string text = ip();
  return text == "::1" || text.starts_with("127.");
}

std::string SocketAddress::str() const {
  const std::string text = ip();
  const bool brackets = text.find(':') != std::string::npos;
  return (brackets ? '[' + text + ']' : text) + ':' + std::to_string(port());
}

}  // namespace sallyport::runtime
