// Plays one transcript against a real session and says where it first differs.
#pragma once

#include <optional>
#include <string>

#include "tests/transcripts/script.h"

namespace sallyport::transcripts {

/// How what the client says is cut on its way to us.
enum class Cut {
  kAsWritten,   ///< One write a line, and time to answer in between.
  kByteByByte,  ///< Each octet arrives alone.
  kOneSegment,  ///< Lines that stand together arrive together.
};

/// Plays it in virtual time. nullopt: all went as written. Otherwise what differed, with the file's
/// line and the last of the conversation.
std::optional<std::string> play(const Script& script, Cut cut);

}  // namespace sallyport::transcripts
