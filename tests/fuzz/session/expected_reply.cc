#include "tests/fuzz/session/expected_reply.h"

#include <algorithm>

namespace sallyport::fuzz {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

const char* take_reply(std::string_view& heard, Reply& reply) {
  while (true) {
    const std::size_t end = heard.find('\n');
    if (end == heard.npos) return "a command was not answered";
    std::string_view line = heard.substr(0, end + 1);
    heard.remove_prefix(line.size());
    if (line.size() > 512 || line.size() < 5 || !line.ends_with("\r\n")) {
      return "a reply line is too long or not ended by CRLF";
    }
    line.remove_suffix(2);
    if (std::ranges::any_of(line, [](char c) { return c == '\r' || c == '\0'; })) {
      return "a reply line has a bare CR or NUL";
    }
    if (!std::ranges::all_of(line.substr(0, 3), is_digit)) return "a reply has no code";
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (code < 200 || code >= 600) return "a reply's code is none of SMTP's";
    if (reply.code != 0 && reply.code != code) return "the lines of a reply differ in their code";
    reply.code = code;
    const bool last = line.size() == 3 || line[3] == ' ';
    if (!last && line[3] != '-') return "a code is followed by neither a space nor '-'";
    reply.text += line.substr(std::min<std::size_t>(line.size(), 4));
    reply.text += '\n';
    if (last) return nullptr;
  }
}

}  // namespace sallyport::fuzz
