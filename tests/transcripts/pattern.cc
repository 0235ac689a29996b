#include "tests/transcripts/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "proxy/base/ascii.h"
#include "proxy/base/base64.h"
#include "proxy/message/transaction_id.h"

namespace sallyport::transcripts {
namespace {

constexpr std::string_view kBase64 = "{base64:";
constexpr std::string_view kId = "<id>";

bool is_id_character(char c) { return ascii::is_digit(c) || (c >= 'A' && c <= 'Z'); }

/// `{TEXT*N}` at the front of `text`, which shrinks past it.
std::string repeated(std::string_view& text) {
  const std::size_t star = text.rfind('*', text.find('}'));
  const std::size_t end = text.find('}');
  std::size_t count = 0;
  if (end == text.npos || star == text.npos)
    throw std::invalid_argument("\\{TEXT*N} is not closed");
  std::from_chars(text.data() + star + 1, text.data() + end, count);
  const std::string once = unescape(text.substr(1, star - 1));
  text.remove_prefix(end + 1);
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += once;
  return all;
}

char hex_octet(std::string_view digits) {
  unsigned value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return static_cast<char>(value);
}

}  // namespace

std::string expand(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t begin = text.find(kBase64);
    out += text.substr(0, begin);
    if (begin == text.npos) return out;
    text.remove_prefix(begin + kBase64.size());
    std::size_t end = text.find('}');
    if (text.substr(0, end).contains("\\{")) end = text.find('}', end + 1);  // \{TEXT*N} within
    out += base64::encode(unescape(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
}

std::string unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '\\' || text.size() == 1) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const char escape = text[1];
    text.remove_prefix(1);
    if (escape == '{') {
      out += repeated(text);
      continue;
    }
    std::size_t used = 1;
    switch (escape) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case 'x':
        out += hex_octet(text.substr(1, 2));
        used = 3;
        break;
      default:
        out += escape;
    }
    text.remove_prefix(std::min(used, text.size()));
  }
  return out;
}

std::string printable(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if ((ascii::is_control(c) && c != '\t') || static_cast<unsigned char>(c) >= 0x80) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (std::size_t skipped = 0; skipped <= text.size(); ++skipped) {
      if (matches(pattern.substr(1), text.substr(skipped))) return true;
    }
    return false;
  }
  if (pattern.starts_with(kId)) {
    constexpr std::size_t size = message::TransactionId::kSize;
    return text.size() >= size && std::ranges::all_of(text.substr(0, size), is_id_character) &&
           matches(pattern.substr(kId.size()), text.substr(size));
  }
  return !text.empty() && pattern.front() == text.front() &&
         matches(pattern.substr(1), text.substr(1));
}

}  // namespace sallyport::transcripts
