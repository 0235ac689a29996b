// What decoding message content means, octet by octet and without thought for speed: what
// smtp::ContentDecoder is held against.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/smtp/content.h"

namespace sallyport::smtp {

/// All there is to know of a decoded content.
struct Decoded {
  std::string text = {};
  std::string left = {};  ///< Octets after the end.
  bool finished = false;
  bool bare = false;
  bool nul = false;
  bool has_8bit = false;

  bool operator==(const Decoded&) const = default;
};

/// With bare CRs and LFs mended: CRs before a CRLF are dropped, all others become CRLF, and only a
/// real CRLF has a dot behind it that is taken off or ends the content.
inline Decoded mend_by_the_letter(std::string_view wire) {
  Decoded decoded;
  bool begins_line = true;  // on the wire: at the start and after CRLF only
  while (!wire.empty()) {
    const std::size_t crs = std::min(wire.find_first_not_of('\r'), wire.size());
    if (crs == wire.size()) break;  // what they are is not known yet
    const bool ends_line = wire[crs] == '\n';
    if (ends_line || crs > 0) {
      begins_line = ends_line && crs > 0;
      for (std::size_t i = begins_line ? 1 : std::max<std::size_t>(crs, 1); i > 0; --i) {
        decoded.text += "\r\n";
      }
      wire.remove_prefix(crs + (ends_line ? 1 : 0));
      continue;
    }
    const char c = wire.front();
    const bool dot = begins_line && c == '.';
    if (dot && wire.starts_with(".\r\n")) {
      decoded.finished = true;
      decoded.left = wire.substr(3);
      break;
    }
    // A dot of which nobody knows yet what follows it; or one to be taken off, unless it is alone.
    if (dot && wire.find_first_not_of('\r', 1) == wire.npos) break;
    if (!dot || wire[1] == '\r' || wire[1] == '\n') decoded.text += c;
    begins_line = false;
    decoded.nul |= c == '\0';
    decoded.has_8bit |= static_cast<unsigned char>(c) >= 0x80;
    wire.remove_prefix(1);
  }
  return decoded;
}

/// RFC 5321 section 4.5.2.
inline Decoded decode_by_the_letter(std::string_view wire,
                                    BareLineEnds bare = BareLineEnds::kRefused) {
  if (bare == BareLineEnds::kMended) return mend_by_the_letter(wire);
  Decoded decoded;
  std::string before = "\r\n";  // what was read so far
  for (std::size_t i = 0; i < wire.size(); ++i) {
    const char c = wire[i];
    if (before.ends_with("\r\n") && c == '.') {
      if (wire.substr(i).starts_with(".\r\n")) {
        decoded.finished = true;
        decoded.left = wire.substr(i + 3);
        break;
      }
      // Is this the beginning of an end that has not come yet?
      if (wire.substr(i) == "." || wire.substr(i) == ".\r") break;
      before += c;
      continue;
    }
    decoded.bare |= c == '\n' && !before.ends_with('\r');
    decoded.bare |= before.ends_with('\r') && c != '\n';
    decoded.nul |= c == '\0';
    decoded.has_8bit |= static_cast<unsigned char>(c) >= 0x80;
    decoded.text += c;
    before += c;
  }
  return decoded;
}

}  // namespace sallyport::smtp
