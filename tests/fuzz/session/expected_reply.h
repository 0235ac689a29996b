// Replies by the letter of RFC 5321 section 4.2. A part of the oracle: shares no code with the
// gateway.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::fuzz {

/// One reply, whole.
struct Reply {
  int code = 0;
  std::string text = {};  ///< Of all lines, each with a LF, and with its enhanced codes.
};

/// Takes the next reply off the front of `heard`. What is wrong with it; null: nothing.
const char* take_reply(std::string_view& heard, Reply& reply);

}  // namespace sallyport::fuzz
