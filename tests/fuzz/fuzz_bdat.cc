// BDAT: the input is what a client sends behind a mail transaction's RCPT. However it is cut, the
// same chunks are read, none takes an octet that was not announced for it, and what was seen of the
// content agrees with a reading by the letter of RFC 3030.
#include <string>
#include <vector>

#include "proxy/smtp/chunk_decoder.h"
#include "proxy/smtp/command.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::smtp {
namespace {

struct Read {
  std::string content = {};
  std::size_t left = 0;  ///< Octets behind what was read.
  bool complete = false;
  bool bare_line_end = false;
  bool nul = false;
  bool has_8bit = false;
  bool is_binary = false;

  bool operator==(const Read&) const = default;
};

/// The next command line as a BDAT command, and its length; nullopt where there is none.
std::optional<BdatCommand> take_command(std::string_view& wire) {
  const std::size_t end = wire.find("\r\n");
  if (end == wire.npos) return std::nullopt;
  const CommandLine line = split_command(wire.substr(0, end));
  if (line.verb != Verb::kBdat) return std::nullopt;
  const auto command = parse_bdat(line.arguments);
  if (!command) return std::nullopt;
  wire.remove_prefix(end + 2);
  return *command;
}

Read read(std::string_view wire, bool binary, fuzz::Cuts cuts) {
  ChunkDecoder decoder(binary);
  Read result;
  while (!decoder.complete()) {
    const auto command = take_command(wire);
    if (!command) break;
    decoder.begin(command->size, command->last);
    std::uint64_t announced = command->size;
    while (!decoder.finished() && !wire.empty()) {
      // What is beyond the chunk is offered, too, and must be left.
      std::string_view rest = wire;
      const std::string bytes(cuts.take(rest));
      std::string_view offered = bytes;
      std::vector<std::string_view> pieces;
      decoder.feed(offered, pieces);
      const std::size_t taken = bytes.size() - offered.size();
      FUZZ_CHECK(taken > 0 && taken <= announced);
      FUZZ_CHECK(offered.empty() || decoder.finished());
      announced -= taken;
      for (const std::string_view piece : pieces) result.content += piece;
      wire.remove_prefix(taken);
    }
    FUZZ_CHECK(decoder.finished() == (announced == 0));
    if (!decoder.finished()) break;
  }
  FUZZ_CHECK(decoder.size() == result.content.size());
  result.left = wire.size();
  result.complete = decoder.complete();
  result.bare_line_end = decoder.has_bare_line_end();
  result.nul = decoder.has_nul();
  result.has_8bit = decoder.has_8bit();
  result.is_binary = decoder.is_binary();
  return result;
}

/// What must be said of content, octet by octet.
void check_by_the_letter(const Read& read, bool binary) {
  const std::string_view content = read.content;
  std::size_t body = content.size();
  if (content.starts_with("\r\n"))
    body = 2;
  else if (const auto empty = content.find("\r\n\r\n"); empty != content.npos)
    body = empty + 4;
  if (!binary) body = content.size();
  bool bare[2] = {};
  bool nul[2] = {};
  bool high = false;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const bool in_body = i >= body;
    const char c = content[i];
    const bool ends = i + 1 == content.size();
    if (c == '\n' && (i == 0 || content[i - 1] != '\r')) bare[in_body] = true;
    if (c == '\r' && ends && read.complete) bare[in_body] = true;
    if (c == '\r' && !ends && content[i + 1] != '\n') bare[i + 1 >= body] = true;
    if (c == '\0') nul[in_body] = true;
    high |= static_cast<unsigned char>(c) >= 0x80;
  }
  FUZZ_CHECK(read.bare_line_end == bare[0] && read.nul == nul[0]);
  FUZZ_CHECK(read.is_binary == (bare[1] || nul[1]));
  FUZZ_CHECK(read.has_8bit == high);
}

}  // namespace
}  // namespace sallyport::smtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  using namespace sallyport::smtp;
  const std::string_view input = fuzz::text(data, size);
  const auto read_checked = [](std::string_view wire, bool binary) {
    const Read whole =
        fuzz::same_however_cut(wire, [&](fuzz::Cuts cuts) { return read(wire, binary, cuts); });
    check_by_the_letter(whole, binary);
    return whole;
  };
  for (const bool binary : {false, true}) {
    (void)read_checked(input, binary);
  }
  // The same as one chunk, so that the fuzzer need not get a number right.
  const std::string one =
      "BDAT " + std::to_string(size) + " LAST\r\n" + std::string(input) + "QUIT";
  for (const bool binary : {false, true}) {
    const Read whole = read_checked(one, binary);
    FUZZ_CHECK(whole.complete && whole.content == input && whole.left == 4);
  }
  return 0;
}
