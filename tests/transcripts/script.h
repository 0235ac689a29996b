// A transcript file, read: README.md says what may stand in one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "proxy/base/result.h"

namespace sallyport::transcripts {

/// One line of the file.
struct Step {
  enum class Kind {
    kSay,        ///< `C:` or `c:` the client says; `text` is what goes on the wire.
    kHear,       ///< `S:` what we answer.
    kPass,       ///< `P:` what we say to the provider.
    kProvider,   ///< `U:` what the provider answers.
    kMessage,    ///< `M:` what the provider got.
    kLog,        ///< `L:` what the log has in the end.
    kDirective,  ///< `@`: `words` are the directive and its arguments.
  };
  std::size_t line = 0;
  Kind kind = Kind::kDirective;
  std::string text;
  std::vector<std::string> words;
};

struct Script {
  std::string file;
  std::vector<Step> steps;

  /// It says itself what the provider says.
  bool plays_provider() const;
  /// It has `@segments`: it is about what arrives together.
  bool is_about_segments() const;
};

/// Reads a file. The error is `file:line: what is wrong`.
Result<Script> read_script(const std::string& file);

}  // namespace sallyport::transcripts
