// What the fuzz targets share: the input as text, whole and cut, and a check that stays in every
// build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
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

/// How an input is cut into pieces.
class Cuts {
 public:
  /// Not at all.
  static Cuts whole() { return Cuts(How::kWhole, 0); }
  /// After each octet.
  static Cuts octets() { return Cuts(How::kOctets, 0); }
  /// At random, but made from the input itself, so that each run is repeatable.
  static Cuts random(std::string_view input) {
    std::uint64_t state = 0xcbf29ce484222325u;
    for (const char c : input) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return Cuts(How::kRandom, state);
  }

  /// Takes the next piece off the front of `rest`; at random mostly a few octets, sometimes many.
  std::string_view take(std::string_view& rest) {
    const std::string_view piece = rest.substr(0, size());
    rest.remove_prefix(piece.size());
    return piece;
  }

 private:
  enum class How { kWhole, kOctets, kRandom };

  Cuts(How how, std::uint64_t state) : how_(how), state_(state) {}

  std::size_t size() {
    if (how_ == How::kWhole) return std::string_view::npos;
    if (how_ == How::kOctets) return 1;
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t random = state_ >> 33;
    return (random % 4 == 0 ? random / 4 % 200 : random / 4 % 4) + 1;
  }

  How how_;
  std::uint64_t state_;
};

/// Hands `input` to `feed` piece by piece, each in memory of its own that is then gone, so that
/// whoever reads past a piece or keeps a view of it is found out. Ends when `feed` returns false;
/// returns what was not handed on.
template <class Feed>
std::string_view feed_in_pieces(std::string_view input, Cuts cuts, Feed feed) {
  while (!input.empty()) {
    const std::string_view piece = cuts.take(input);
    const auto own = std::make_unique<char[]>(piece.size());
    piece.copy(own.get(), piece.size());
    if (!feed(std::string_view(own.get(), piece.size()))) break;
  }
  return input;
}

/// `read(Cuts)` reads `input` so cut: it must come to the same however that is. Returns it.
template <class Read>
auto same_however_cut(std::string_view input, Read read) {
  // Longer ones octet by octet would only make each run slow.
  constexpr std::size_t kMostOctets = 512;
  auto whole = read(Cuts::whole());
  FUZZ_CHECK(read(Cuts::random(input)) == whole);
  if (input.size() <= kMostOctets) FUZZ_CHECK(read(Cuts::octets()) == whole);
  return whole;
}

}  // namespace sallyport::fuzz
