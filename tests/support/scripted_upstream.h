// An upstream that follows a script, for tests: it checks each line it hears, answers as written,
// and misbehaves on command.
//
// A script is text, one step a line; the letters are those of tests/transcripts:
//   P: LINE          we must say LINE next; `*` stands for any run of characters
//   U: LINE          the upstream says LINE
//   P! content       we must send content up to its final dot; it is kept (`contents`)
//   P! bdat          we must send content in one chunk, by `BDAT n LAST`; it is kept as well
//   U! raw TEXT      the upstream says TEXT as it is; \r \n \0 \\ are escapes
//   U! close         it closes the connection in an orderly way
//   U! reset         it breaks the connection off
//   U! stall         it says nothing more; we must give the connection up
//   U! wait 90s      it waits (s or ms)
// Where the script ends we may say QUIT, which is answered, and must close; anything else is a
// fault. Empty lines and lines that begin with `#` are skipped. Lines of one speaker in a row are
// one flight: `U:` lines are written at once.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/runtime/byte_stream.h"
#include "proxy/runtime/loop.h"

namespace sallyport::support {

/// One step of a script.
struct ScriptStep {
  enum class Kind : std::uint8_t {
    kExpect,
    kSay,
    kContent,
    kChunk,
    kClose,
    kReset,
    kStall,
    kWait,
  };
  Kind kind = Kind::kExpect;
  std::string text;  ///< What is expected or said, CRLF included in what is said.
  Duration span{};   ///< Of kWait.
};

/// Reads a script; kInvalid names the line that is none.
Result<std::vector<ScriptStep>> parse_script(std::string_view text);

/// Plays one script on one connection.
class ScriptedUpstream {
 public:
  /// Plays `steps` to the end on `stream`, and gives the first thing that was not as written.
  /// Contents that were received are appended to `contents`, each as it was on the wire without its
  /// final dot or BDAT command.
  static runtime::Task<Result<void>> play(runtime::Loop& loop,
                                          std::unique_ptr<runtime::ByteStream> stream,
                                          std::vector<ScriptStep> steps,
                                          std::vector<std::string>& contents);

 private:
  ScriptedUpstream(runtime::Loop& loop, runtime::ByteStream& stream,
                   std::vector<std::string>& contents)
      : loop_(loop), stream_(stream), contents_(contents) {}

  runtime::Task<Result<void>> run(const std::vector<ScriptStep>& steps);
  runtime::Task<Result<std::string>> read_line();
  runtime::Task<Result<void>> read_content();
  runtime::Task<Result<void>> read_chunk();
  runtime::Task<Result<void>> expect(const std::string& pattern);
  runtime::Task<Result<void>> expect_end();

  runtime::Loop& loop_;
  runtime::ByteStream& stream_;
  std::vector<std::string>& contents_;
  std::string received_;
};

/// Does `text` match `pattern`, in which `*` stands for any run of characters?
bool matches(std::string_view pattern, std::string_view text);

}  // namespace sallyport::support
