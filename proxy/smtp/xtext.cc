#include "proxy/smtp/xtext.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/smtp/domain.h"

namespace sallyport::smtp {
namespace {

/// xchar = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
bool is_xchar(char c) { return c > ' ' && c < 0x7f && c != '+' && c != '='; }

/// The value of a hexadecimal digit, or -1.
int hexadecimal(char c) {
  if (ascii::is_digit(c)) return c - '0';
  const char upper = ascii::to_upper(c);
  return upper >= 'A' && upper <= 'F' ? upper - 'A' + 10 : -1;
}

}  // namespace

Result<std::string> decode_xtext(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '+') {
      if (!is_xchar(text[i])) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("it has {}, which xtext writes as '+{:02X}'", show_octet(text[i]),
                                static_cast<unsigned char>(text[i])));
      }
      decoded += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? hexadecimal(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hexadecimal(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return fail(ErrorCode::kInvalid, "it has a '+' without two digits of hexadecimal behind it");
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::string normal_xtext(std::string_view text) {
  std::string normal(text);
  for (std::size_t i = 0; i < normal.size(); ++i) {
    if (normal[i] != '+') continue;
    for (const std::size_t last = std::min(i + 2, normal.size() - 1); i < last;) {
      ++i;
      normal[i] = ascii::to_upper(normal[i]);
    }
  }
  return normal;
}

}  // namespace sallyport::smtp
