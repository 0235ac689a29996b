// Replies of upstreams: however the octets are cut, the same replies or the same error come out;
// what we write of a reply is read back as the same; and no text breaks out of its line.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "proxy/smtp/capabilities.h"
#include "proxy/smtp/reply.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::smtp {
namespace {

struct Read {
  std::vector<Reply> replies = {};
  std::string error = {};

  bool operator==(const Read&) const = default;
};

Read read(std::string_view wire, fuzz::Cuts cuts) {
  ReplyParser parser;
  Read read;
  fuzz::feed_in_pieces(wire, cuts, [&](std::string_view rest) {
    while (!rest.empty()) {
      auto result = parser.feed(rest);
      if (!result) {
        FUZZ_CHECK(result.error().code == ErrorCode::kProtocol);
        FUZZ_CHECK(!parser.feed(rest));
        read.error = result.error().text;
        return false;
      }
      if (*result) read.replies.push_back(std::move(**result));
      FUZZ_CHECK(*result || rest.empty());
    }
    return true;
  });
  return read;
}

Read read_whole(std::string_view wire) { return read(wire, fuzz::Cuts::whole()); }

/// What goes on the wire is lines of the form of RFC 5321 section 4.2, and one reply only.
void check_wire(const Reply& reply) {
  const std::string wire = reply.wire();
  const Read back = read_whole(wire);
  FUZZ_CHECK(back.error.empty() && back.replies.size() == 1);
  FUZZ_CHECK(back.replies[0].code == reply.code);
  for (std::string_view rest = wire; !rest.empty();) {
    const std::size_t end = rest.find("\r\n") + 2;
    FUZZ_CHECK(end <= 512);
    for (const char c : rest.substr(0, end - 2)) {
      FUZZ_CHECK(c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f'));
    }
    rest.remove_prefix(end);
  }
  // A control made a space may complete an enhanced code of the text, but only there.
  FUZZ_CHECK(!reply.enhanced || back.replies[0].enhanced == reply.enhanced);
  // A second time nothing changes any more: the text is clean and the lines are short. Only where
  // each line now also carries a code that was text before, a long one breaks elsewhere.
  if (back.replies[0].enhanced == reply.enhanced) {
    FUZZ_CHECK(read_whole(back.replies[0].wire()) == back);
  }
  // What is beyond ASCII is replaced: nobody said that it may be sent.
  const auto is_printable = [](const std::string& line) {
    return line.size() < 400 && std::ranges::none_of(
                                    line,
                                    [](char c) {
                                      return static_cast<unsigned char>(c) < ' ' ||
                                             static_cast<unsigned char>(c) >= 0x7f;
                                    });
  };
  if (std::ranges::all_of(reply.lines, is_printable)) FUZZ_CHECK(back.replies[0] == reply);
}

}  // namespace
}  // namespace sallyport::smtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sallyport;
  using namespace sallyport::smtp;
  const std::string_view input = fuzz::text(data, size);
  const Read whole =
      fuzz::same_however_cut(input, [&](fuzz::Cuts cuts) { return read(input, cuts); });

  for (const Reply& reply : whole.replies) {
    FUZZ_CHECK(reply.code >= 200 && reply.code <= 599 && !reply.lines.empty());
    check_wire(reply);
    const Capabilities offered = parse_capabilities(reply);
    const Reply said = ehlo_reply("server.example", "client.example", offered);
    FUZZ_CHECK(parse_capabilities(said) == offered);
  }
  // Text that comes from elsewhere: our own replies hold parts of what clients say.
  Reply ours(550, {5, 1, 1}, std::string(input));
  const Read back = read_whole(ours.wire());
  FUZZ_CHECK(back.error.empty() && back.replies.size() == 1 && back.replies[0].code == 550);
  return 0;
}
