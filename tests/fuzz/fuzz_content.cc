// Message content, with bare CRs and LFs refused and mended: however it is cut, decoding gives the
// same; it agrees with a decoder written by the letter of RFC 5321 section 4.5.2; decode(encode(x))
// is x; and what is not refused ends, when it is sent, for lenient servers where it ends for all.
#include <string>
#include <vector>

#include "proxy/smtp/content.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/content_by_the_letter.h"
#include "tests/support/lenient_server.h"

namespace sallyport::smtp {
namespace {

Decoded decode(std::string_view wire, fuzz::Cuts cuts, BareLineEnds bare) {
  ContentDecoder decoder(bare);
  Decoded decoded;
  const std::string_view unread = fuzz::feed_in_pieces(wire, cuts, [&](std::string_view rest) {
    std::vector<std::string_view> pieces;
    decoder.feed(rest, pieces);
    FUZZ_CHECK(rest.empty() || decoder.finished());
    for (const std::string_view piece : pieces) {
      FUZZ_CHECK(!piece.empty());
      decoded.text += piece;
    }
    decoded.left = rest;
    return !decoder.finished();
  });
  decoded.left += unread;
  FUZZ_CHECK(decoder.size() == decoded.text.size());
  decoded.finished = decoder.finished();
  decoded.bare = decoder.has_bare_line_end();
  decoded.nul = decoder.has_nul();
  decoded.has_8bit = decoder.has_8bit();
  return decoded;
}

std::string encode(std::string_view text, fuzz::Cuts cuts) {
  ContentEncoder encoder;
  std::string wire;
  std::vector<std::string_view> views;
  const auto write = [&] {
    for (const std::string_view view : views) wire += view;
    views.clear();
  };
  fuzz::feed_in_pieces(text, cuts, [&](std::string_view piece) {
    encoder.feed(piece, views);
    write();
    return true;
  });
  encoder.finish(views);
  write();
  return wire;
}

/// Content of which the decoder says that no line begins with a dot is sent without a look at it:
/// is that the same as `encoded`?
bool goes_on_as(const std::string& encoded, std::string_view wire, BareLineEnds bare) {
  ContentDecoder decoder(bare);
  std::vector<std::string_view> pieces;
  decoder.feed(wire, pieces);
  if (decoder.may_have_dotted_line()) return true;
  ContentEncoder encoder;
  std::vector<std::string_view> views;
  for (const std::string_view piece : pieces) encoder.pass(piece, views);
  encoder.finish(views);
  std::string sent;
  for (const std::string_view view : views) sent += view;
  return sent == encoded;
}

}  // namespace
}  // namespace sallyport::smtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  using namespace sallyport::smtp;
  const std::string_view input = fuzz::text(data, size);
  for (const BareLineEnds bare : {BareLineEnds::kRefused, BareLineEnds::kMended}) {
    const Decoded whole =
        fuzz::same_however_cut(input, [&](fuzz::Cuts cuts) { return decode(input, cuts, bare); });
    FUZZ_CHECK(whole == decode_by_the_letter(input, bare));
    // No end but CRLF "." CRLF: what was read ends with it, or is it but for the CRLF.
    if (whole.finished) {
      const std::string_view read = input.substr(0, size - whole.left.size());
      FUZZ_CHECK(read == ".\r\n" || read.ends_with("\r\n.\r\n"));
    }
    if (whole.bare || whole.nul || whole.text.ends_with('\r')) continue;
    const std::string out = encode(whole.text, fuzz::Cuts::whole());
    FUZZ_CHECK(goes_on_as(out, input, bare));
    for (const auto& server : support::kLenientServers) {
      FUZZ_CHECK(support::end_of_data(out, server) == out.size());
    }
  }

  const std::string wire =
      fuzz::same_however_cut(input, [&](fuzz::Cuts cuts) { return encode(input, cuts); });
  const Decoded back = decode(wire, fuzz::Cuts::random(wire), BareLineEnds::kRefused);
  FUZZ_CHECK(back.finished && back.left.empty());
  FUZZ_CHECK(back.text == input || back.text == std::string(input) + "\r\n");
  FUZZ_CHECK(back.text.empty() || back.text.ends_with("\r\n"));
  return 0;
}
