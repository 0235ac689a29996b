// `[auth.brute_force]`: what stands between a guesser and the next guess.
#pragma once

#include <chrono>
#include <cstdint>

namespace sallyport::config {

/// When wrong logins slow down and bar whoever makes them.
struct BruteForce {
  std::uint32_t network_failures = 20;  ///< Of one IPv4 address or IPv6 /64 in `window`; 0: no end.
  std::uint32_t account_failures = 50;  ///< Of one name in `window`; 0: no end.
  std::chrono::milliseconds window = std::chrono::minutes(10);
  std::chrono::milliseconds block = std::chrono::minutes(10);     ///< For how long it is barred.
  std::chrono::milliseconds max_delay = std::chrono::seconds(8);  ///< Of a refusal; 0: none.

  bool operator==(const BruteForce&) const = default;
};

}  // namespace sallyport::config
