#include "proxy/smtp/reply.h"

#include <array>
#include <cassert>
#include <charconv>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"

namespace sallyport::smtp {
namespace {

constexpr std::size_t kMaxReplyLine = 512;  // RFC 5321 section 4.5.3.1.5, CRLF included
constexpr std::size_t kUsualReply = 160;

bool is_utf8_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

/// Takes from `text` what fits into `room` octets: up to a space, which is dropped, or, where there
/// is none, up to the limit, without cutting a UTF-8 sequence.
std::string_view take_chunk(std::string_view& text, std::size_t room) {
  if (text.size() <= room) return std::exchange(text, {});
  const std::size_t space = text.rfind(' ', room);
  if (space != text.npos && space > 0) {
    const std::string_view chunk = text.substr(0, space);
    text.remove_prefix(space + 1);
    return chunk;
  }
  std::size_t end = room;
  while (end > room - 4 && is_utf8_continuation(text[end])) --end;
  const std::string_view chunk = text.substr(0, end);
  text.remove_prefix(end);
  return chunk;
}

/// U+0080 to U+009F: control characters that have two octets.
bool is_c1_control(std::string_view sequence) {
  return sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

void append_printable(std::string& wire, std::string_view text, ReplyText allowed) {
  std::size_t at = wire.size();
  wire += text;
  while (at < wire.size()) {
    char& c = wire[at];
    if (static_cast<unsigned char>(c) < 0x80) {
      if (ascii::is_control(c) && c != '\t') c = ' ';
      ++at;
      continue;
    }
    const std::string_view rest = std::string_view(wire).substr(at);
    const std::size_t length = allowed == ReplyText::kUtf8 ? utf8::sequence(rest) : 0;
    if (length == 0 || is_c1_control(rest)) {
      c = '?';
      ++at;
    } else {
      at += length;
    }
  }
}

void append_joined(std::string& text, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    if (&line != &lines.front()) text += ' ';
    text += line;
  }
}

void append_number(std::string& text, unsigned number) {
  std::array<char, 12> digits;
  text.append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
}

}  // namespace

std::string EnhancedCode::str() const {
  std::string text;
  append_number(text, static_cast<unsigned>(klass));
  text += '.';
  append_number(text, static_cast<unsigned>(subject));
  text += '.';
  append_number(text, static_cast<unsigned>(detail));
  return text;
}

Reply::Reply(int reply_code, EnhancedCode status, std::string text)
    : code(reply_code), enhanced(status) {
  lines.push_back(std::move(text));
}

Reply::Reply(int reply_code, std::string text) : code(reply_code) {
  lines.push_back(std::move(text));
}

std::string Reply::text() const {
  if (lines.size() == 1) return lines.front();
  std::string joined;
  append_joined(joined, lines);
  return joined;
}

std::string Reply::one_line() const {
  std::string line;
  line.reserve(kUsualReply);
  append_number(line, static_cast<unsigned>(code));
  line += ' ';
  if (enhanced) line.append(enhanced->str()).append(" ");
  append_joined(line, lines);
  return line;
}

void Reply::append_to(std::string& wire, ReplyText allowed) const {
  assert(code >= 200 && code <= 599);
  const std::string status = enhanced ? enhanced->str() : std::string();
  const std::size_t room = kMaxReplyLine - 2 - 4 - (status.empty() ? 0 : status.size() + 1);
  std::size_t mark = 0;  // where the '-' or ' ' of the line written last stands
  const auto append_line = [&](std::string_view text) {
    append_number(wire, static_cast<unsigned>(code));
    mark = wire.size();
    wire += '-';
    wire += status;
    if (!status.empty() && !text.empty()) wire += ' ';
    append_printable(wire, text, allowed);
    wire += "\r\n";
  };
  if (lines.empty()) append_line({});
  for (std::string_view line : lines) {
    do append_line(take_chunk(line, room));
    while (!line.empty());
  }
  wire[mark] = ' ';
  // RFC 5321 section 4.2: a code alone has no space after it.
  if (std::string_view(wire).substr(mark) == " \r\n") wire.erase(mark, 1);
}

std::string Reply::wire(ReplyText allowed) const {
  std::string wire;
  append_to(wire, allowed);
  return wire;
}

}  // namespace sallyport::smtp
