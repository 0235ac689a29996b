// How far an attempt to hand a message to an upstream came.
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::relay {

/// How far an attempt came.
enum class Stage : std::uint8_t {
  kLease,     ///< Waiting for a connection of the pool.
  kConnect,   ///< DNS and TCP.
  kTls,       ///< STARTTLS and the handshake.
  kGreeting,  ///< The 220.
  kEhlo,
  kAuth,
  kRset,
  kMail,
  kRcpt,
  kData,     ///< The 354.
  kContent,  ///< The content, before its last octet was handed to the kernel.
  kEnd,      ///< After that.
};

/// The stage as logs and replies name it: the command, where there is one.
std::string_view name(Stage stage);

}  // namespace sallyport::relay
