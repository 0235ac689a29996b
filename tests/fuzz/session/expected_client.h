// Who the client is when a proxy says so, by the letter of HAProxy's proxy-protocol.txt, and who is
// no client of SMTP at all. A part of the oracle: shares no code with the gateway.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::fuzz {

/// An IP address; IPv4 in its IPv4-mapped form.
struct Address {
  std::array<std::uint8_t, 16> octets{};

  /// A literal without brackets.
  static std::optional<Address> read(std::string_view literal);
  bool operator==(const Address&) const = default;
};

/// A PROXY header that is whole and valid.
struct Introduction {
  std::size_t size = 0;                          ///< Its octets; what follows is the client's.
  std::optional<Address> client = std::nullopt;  ///< None: who connected.
};

/// The header that `said` begins with; nullopt: there is none, or it is broken or cut off.
std::optional<Introduction> read_introduction(std::string_view said);

/// What a client says that speaks HTTP, TLS or the PROXY protocol: nothing of SMTP begins so.
bool is_foreign(std::string_view line);

}  // namespace sallyport::fuzz
