// IP addresses and networks of them, as values without a port, a socket or a name.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport {

/// An IPv4 or IPv6 address. IPv4 is kept in its IPv4-mapped form (RFC 4291 section 2.5.5.2), so
/// that a client has the same address on IPv4 and on IPv6 sockets.
class IpAddress {
 public:
  using Octets = std::array<std::uint8_t, 16>;

  /// The unspecified address, `::`.
  IpAddress() = default;
  explicit IpAddress(const Octets& octets) : octets_(octets) {}
  /// Four octets in network order.
  static IpAddress v4(const std::array<std::uint8_t, 4>& octets);
  /// A literal without brackets, port or zone; nullopt for anything else.
  static std::optional<IpAddress> parse(std::string_view literal);

  const Octets& octets() const { return octets_; }
  bool is_v4() const;
  /// 127.0.0.0/8 or ::1.
  bool is_loopback() const;
  /// The network that one customer is given at the least: an IPv4 address, or the /64 of an IPv6
  /// address (RFC 6177). A number that no other network has.
  std::uint64_t network() const;
  /// The literal, IPv4 without its mapping, IPv6 in the form of RFC 5952.
  std::string str() const;

  bool operator==(const IpAddress&) const = default;

 private:
  Octets octets_{};
};

/// A range of addresses that begin with the same bits: "10.0.0.0/8", "2001:db8::/32".
class IpNetwork {
 public:
  /// The unspecified address alone.
  IpNetwork() = default;
  /// Reads ADDRESS/LENGTH or one ADDRESS. Bits behind the length must be zero:
  /// otherwise the text is ambiguous.
  static std::optional<IpNetwork> parse(std::string_view text);
  /// For error messages: the network without the host bits of a text that has some set; nullopt:
  /// the text is not of the form, or has none set.
  static std::optional<IpNetwork> meant_by(std::string_view text);

  bool contains(const IpAddress& address) const;
  /// ADDRESS/LENGTH.
  std::string str() const;

  bool operator==(const IpNetwork&) const = default;

 private:
  IpNetwork(const IpAddress& address, unsigned length);
  static std::optional<IpNetwork> read(std::string_view text, bool& has_host_bits);

  IpAddress first_;
  unsigned length_ = 128;  // of the mapped form, for IPv4 too
};

}  // namespace sallyport
