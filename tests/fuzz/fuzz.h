// What the fuzz targets share: the input as text, and a check that stays in every build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// A property of the code under test. When it does not hold, libFuzzer keeps the input.
#define FUZZ_CHECK(condition)                                                      \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

namespace sallyport::fuzz {

/// The octets libFuzzer made up.
inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Sizes of pieces to cut an input into, made from the input itself so that each run is repeatable.
class Cuts {
 public:
  explicit Cuts(std::string_view input) {
    for (const char c : input) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }

  /// Takes the next piece off the front of `rest`: mostly a few octets, sometimes many.
  std::string_view take(std::string_view& rest) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t random = state_ >> 33;
    const std::size_t size = random % 4 == 0 ? random / 4 % 200 : random / 4 % 4;
    const std::string_view piece = rest.substr(0, size + 1);
    rest.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace sallyport::fuzz
