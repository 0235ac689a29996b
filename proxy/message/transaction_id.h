// The id that ties one mail transaction together: Received field, 250 reply, log line.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/base/clock.h"

namespace sallyport::message {

/// Twenty characters of [0-9A-Z]: nine tell the millisecond, so that ids sort by time, eleven are
/// random.
class TransactionId {
 public:
  static constexpr std::size_t kSize = 20;

  std::string_view view() const { return {characters_.data(), characters_.size()}; }
  auto operator<=>(const TransactionId&) const = default;

 private:
  friend class TransactionIds;
  std::array<char, kSize> characters_;
};

/// Makes ids; each worker has its own. Unique over workers, restarts and hosts for all practical
/// purposes: 57 random bits for each millisecond. Not secret: who sees one may guess the next.
class TransactionIds {
 public:
  /// Seeded from the cryptographic generator.
  TransactionIds();
  /// Makes the same ids every time: for tests.
  explicit TransactionIds(std::array<std::uint64_t, 4> seed) : state_(seed) {}

  TransactionId next(WallTime now);

 private:
  std::uint64_t random();

  std::array<std::uint64_t, 4> state_;
};

}  // namespace sallyport::message
