// Upstreams are not trusted: whatever is not a reply by the letter of RFC 5321 section 4.2 breaks
// the connection rather than being guessed at. A bare LF or CR counts: every provider ends its
// lines in CRLF, and a reader that also takes LF lets text that a server echoes (an address, a
// queue id) forge a reply line of its own.
#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/smtp/reply.h"

namespace sallyport::smtp {
namespace {

constexpr std::size_t kMaxReply = 64u << 10;

std::unexpected<Error> not_smtp(std::string_view why) {
  return fail(ErrorCode::kProtocol, "the server's answer is no SMTP reply: " + std::string(why));
}

/// 1*3digit without leading zeros, taken off the front of `text`.
std::optional<std::uint16_t> take_number(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, ascii::is_digit);
  const auto size = static_cast<std::size_t>(end - text.begin());
  if (size == 0 || size > 3 || (size > 1 && text.front() == '0')) return std::nullopt;
  std::uint16_t number = 0;
  std::from_chars(text.data(), text.data() + size, number);
  text.remove_prefix(size);
  return number;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

/// Takes an enhanced status code that fits `code` (RFC 3463 section 2), and the space after it, off
/// the front of `text`; leaves `text` alone when there is none.
std::optional<EnhancedCode> take_enhanced_code(std::string_view& text, int code) {
  std::string_view rest = text;
  const auto klass = take_number(rest);
  if (!klass || *klass != code / 100 || *klass == 3 || !take(rest, '.')) return std::nullopt;
  const auto subject = take_number(rest);
  if (!subject || !take(rest, '.')) return std::nullopt;
  const auto detail = take_number(rest);
  if (!detail || !(rest.empty() || take(rest, ' '))) return std::nullopt;
  text = rest;
  return EnhancedCode{
      .klass = static_cast<std::uint8_t>(*klass), .subject = *subject, .detail = *detail};
}

}  // namespace

Result<std::optional<Reply>> ReplyParser::feed(std::string_view& bytes) {
  while (!broken_ && !bytes.empty()) {
    const std::size_t line_feed = bytes.find('\n');
    const std::string_view piece =
        bytes.substr(0, line_feed == bytes.npos ? line_feed : line_feed + 1);
    bytes.remove_prefix(piece.size());
    octets_ += piece.size();
    if (octets_ > kMaxReply) {
      broken_ = true;
      return not_smtp("it is longer than 64 KiB");
    }
    if (line_feed == bytes.npos) {
      line_ += piece;
      break;
    }
    bool last = false;
    const auto taken = take_line(line_.empty() ? piece : line_ += piece, last);
    line_.clear();
    if (!taken) {
      broken_ = true;
      return fail(taken.error());
    }
    if (last) {
      octets_ = 0;
      return std::exchange(reply_, Reply());
    }
  }
  if (broken_) return not_smtp("an earlier one was none");
  return std::nullopt;
}

Result<void> ReplyParser::take_line(std::string_view line, bool& last) {
  if (!line.ends_with("\r\n")) return not_smtp("a line ends in a bare LF");
  line.remove_suffix(2);
  if (line.contains('\r')) return not_smtp("a line has a bare CR");
  if (line.contains('\0')) return not_smtp("a line has a NUL");

  if (line.size() < 3 || !std::ranges::all_of(line.substr(0, 3), ascii::is_digit)) {
    return not_smtp("a line does not begin with three digits");
  }
  int code = 0;
  std::from_chars(line.data(), line.data() + 3, code);
  if (code < 200 || code > 599) return not_smtp("its code is not one of 200 to 599");
  line.remove_prefix(3);
  last = !line.starts_with('-');
  if (!line.empty() && !take(line, last ? ' ' : '-')) {
    return not_smtp("the code is followed by neither a space nor '-'");
  }

  // RFC 2034 section 4: each line repeats the enhanced code. What differs from the first is text.
  const bool first = reply_.lines.empty();
  if (!first && code != reply_.code) return not_smtp("its lines differ in their code");
  std::string_view text = line;
  const auto enhanced = take_enhanced_code(text, code);
  if (first) {
    reply_.code = code;
    reply_.enhanced = enhanced;
  }
  reply_.lines.emplace_back(enhanced == reply_.enhanced ? text : line);
  return {};
}

}  // namespace sallyport::smtp
