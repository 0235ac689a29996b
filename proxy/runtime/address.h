// Socket addresses: an IP address and a port.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "proxy/base/ip_address.h"
#include "proxy/base/result.h"

namespace sallyport::runtime {

/// An IPv4 or IPv6 address with its port.
class SocketAddress {
 public:
  /// Reads an IP literal without brackets; kInvalid for anything else.
  static Result<SocketAddress> parse(const std::string& ip, std::uint16_t port);
  /// Copies what the kernel or resolver gave.
  static SocketAddress from(const sockaddr* address, socklen_t size);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

  /// The literal without brackets; an IPv4 address mapped into IPv6 is given as IPv4.
  std::string ip() const;
  /// The same without the port; `::` for what is no IP address.
  IpAddress ip_address() const;
  std::uint16_t port() const;
  /// The same address with another port.
  SocketAddress with_port(std::uint16_t port) const;
  bool is_loopback() const;
  /// The same family, address and port.
  bool operator==(const SocketAddress& other) const;
  /// `192.0.2.1:25` or `[2001:db8::1]:25`.
  std::string str() const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace sallyport::runtime
