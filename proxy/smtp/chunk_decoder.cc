#include "proxy/smtp/chunk_decoder.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace sallyport::smtp {

void ChunkDecoder::begin(std::uint64_t size, bool last) {
  assert(finished() && !last_);
  left_ = size;
  last_ = last;
  if (complete()) end();
}

void ChunkDecoder::feed(std::string_view& wire, std::vector<std::string_view>& pieces) {
  const std::string_view octets =
      wire.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, wire.size())));
  if (octets.empty()) return;
  wire.remove_prefix(octets.size());
  left_ -= octets.size();
  size_ += octets.size();
  pieces.push_back(octets);

  const std::size_t header = binary_ && in_header_ ? read_header(octets) : 0;
  scan(octets.substr(0, header), true);
  scan(octets.substr(header), !binary_);
  if (complete()) end();
}

std::size_t ChunkDecoder::read_header(std::string_view octets) {
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const char c = octets[i];
    const bool ends_line = c == '\n' && before_ == '\r';
    if (ends_line && line_is_empty_) {
      in_header_ = false;
      return i + 1;
    }
    // A CR belongs to the line only when no LF follows it.
    line_is_empty_ = ends_line || (line_is_empty_ && c == '\r' && before_ != '\r');
    before_ = c;
  }
  return octets.size();
}

void ChunkDecoder::scan(std::string_view octets, bool lines) {
  if (octets.empty()) return;
  const auto is_unpaired = [](char a, char b) {
    return static_cast<unsigned char>((a == '\r') != (b == '\n'));
  };
  // Without branches and with accumulators of a byte's width the compiler makes vector code of it.
  unsigned char high = static_cast<unsigned char>(octets[0]);
  auto nul = static_cast<unsigned char>(octets[0] == '\0');
  unsigned char unpaired = is_unpaired(scanned_, octets[0]);
  for (std::size_t i = 1; i < octets.size(); ++i) {
    high |= static_cast<unsigned char>(octets[i]);
    nul |= static_cast<unsigned char>(octets[i] == '\0');
    unpaired |= is_unpaired(octets[i - 1], octets[i]);
  }
  has_8bit_ |= high >= 0x80;
  mark(unpaired != 0, nul != 0, lines);
  scanned_ = octets.back();
}

void ChunkDecoder::mark(bool bare_line_end, bool nul, bool lines) {
  if (lines) {
    bare_line_end_ |= bare_line_end;
    nul_ |= nul;
  } else {
    is_binary_ |= bare_line_end || nul;
  }
}

void ChunkDecoder::end() {
  if (scanned_ == '\r') mark(true, false, !binary_ || in_header_);
}

}  // namespace sallyport::smtp
