// Command lines: however the octets are cut, the lines and faults are the same; no line has a CR,
// LF or NUL or is too long; and the memory held stays small.
#include <string>
#include <utility>
#include <vector>

#include "proxy/smtp/line_buffer.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::smtp {
namespace {

constexpr std::size_t kLimit = 24;  // small, so that the fuzzer gets past it

using Lines = std::vector<std::pair<LineBuffer::State, std::string>>;

Lines read(std::string_view wire, fuzz::Cuts cuts) {
  LineBuffer buffer(kLimit);
  Lines lines;
  fuzz::feed_in_pieces(wire, cuts, [&](std::string_view piece) {
    buffer.append(piece);
    while (true) {
      const bool promised = buffer.has_line();
      const auto [state, line] = buffer.next();
      FUZZ_CHECK(promised == (state != LineBuffer::State::kPartial));
      if (state == LineBuffer::State::kPartial) break;
      FUZZ_CHECK(state == LineBuffer::State::kLine || line.empty());
      lines.emplace_back(state, line);
    }
    FUZZ_CHECK(buffer.rest().size() < kLimit);
    if (buffer.empty()) buffer.release();
    return true;
  });
  return lines;
}

}  // namespace
}  // namespace sallyport::smtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  using namespace sallyport::smtp;
  const std::string_view input = fuzz::text(data, size);
  const Lines whole =
      fuzz::same_however_cut(input, [&](fuzz::Cuts cuts) { return read(input, cuts); });

  // Every line that is given out stands in the input between two CRLFs.
  std::size_t from = 0;
  for (const auto& [state, line] : whole) {
    const std::size_t line_feed = input.find('\n', from);
    FUZZ_CHECK(line_feed != input.npos);
    if (state == LineBuffer::State::kLine) {
      FUZZ_CHECK(line + "\r\n" == input.substr(from, line_feed + 1 - from));
      FUZZ_CHECK(from == 0 || input.substr(0, from).ends_with("\r\n"));
      FUZZ_CHECK(line.size() + 2 <= kLimit);
      FUZZ_CHECK(line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos);
    }
    from = line_feed + 1;
  }
  FUZZ_CHECK(input.find('\n', from) == input.npos);
  return 0;
}
