// The alert that a peer sends in clear while a handshake is already encrypted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::net {

/// Reads the frames of records (RFC 8446 section 5.1) as they arrive, in any pieces. A client that
/// gives up before it has the keys of TLS 1.3 says why in clear: OpenSSL does when it does not
/// trust our certificate. For BoringSSL, which expects encrypted records by then, it is a bad
/// record.
class AlertScan {
 public:
  void feed(std::string_view octets);
  /// The AlertDescription of the last alert in clear.
  std::optional<std::uint8_t> alert() const { return alert_; }

 private:
  static constexpr std::size_t kHeader = 5;
  static constexpr std::size_t kAlert = 2;  // level, description

  std::array<std::uint8_t, kHeader + kAlert> record_{};  // as far as it has arrived
  std::size_t arrived_ = 0;                              // of the record that is being read
  std::optional<std::uint8_t> alert_;
};

}  // namespace sallyport::net
