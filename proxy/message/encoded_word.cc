#include "proxy/message/encoded_word.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "proxy/base/ascii.h"

namespace sallyport::message {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// How a charset holds ASCII.
enum class Form : std::uint8_t {
  kPlain,     // octets below 128 are ASCII
  kShiftJis,  // but for the second octets of some characters
  kGbk,       // so here and in Big5, of more characters
  kIso2022,   // but for what stands between escape sequences
  kOpaque,
};

struct Charset {
  std::string_view prefix;  // of its name, in lower case
  Form form;
};

// Names as they are found in mail, official or not.
constexpr Charset kCharsets[] = {
    {"us-ascii", Form::kPlain},
    {"ascii", Form::kPlain},
    {"ansi_x3.4", Form::kPlain},
    {"646", Form::kPlain},
    {"utf-8", Form::kPlain},
    {"utf8", Form::kPlain},
    {"utf_8", Form::kPlain},
    {"iso-8859-", Form::kPlain},
    {"iso8859", Form::kPlain},
    {"iso_8859", Form::kPlain},
    {"latin", Form::kPlain},
    {"windows-125", Form::kPlain},
    {"windows-874", Form::kPlain},
    {"cp125", Form::kPlain},
    {"cp437", Form::kPlain},
    {"cp85", Form::kPlain},
    {"cp866", Form::kPlain},
    {"ibm437", Form::kPlain},
    {"ibm85", Form::kPlain},
    {"ibm866", Form::kPlain},
    {"koi8", Form::kPlain},
    {"macintosh", Form::kPlain},
    {"x-mac-", Form::kPlain},
    {"tis-620", Form::kPlain},
    {"viscii", Form::kPlain},
    {"euc-", Form::kPlain},
    {"gb2312", Form::kPlain},
    {"ks_c_5601", Form::kPlain},
    {"cp949", Form::kPlain},
    {"windows-949", Form::kPlain},
    {"unknown-8bit", Form::kPlain},
    {"x-unknown", Form::kPlain},
    {"default", Form::kPlain},
    {"shift_jis", Form::kShiftJis},
    {"shift-jis", Form::kShiftJis},
    {"sjis", Form::kShiftJis},
    {"x-sjis", Form::kShiftJis},
    {"cp932", Form::kShiftJis},
    {"ms_kanji", Form::kShiftJis},
    {"windows-31j", Form::kShiftJis},
    {"windows-932", Form::kShiftJis},
    {"gbk", Form::kGbk},
    {"gb18030", Form::kGbk},
    {"cp936", Form::kGbk},
    {"windows-936", Form::kGbk},
    {"big5", Form::kGbk},
    {"cp950", Form::kGbk},
    {"windows-950", Form::kGbk},
    {"iso-2022-jp", Form::kIso2022},
    {"iso-2022-kr", Form::kIso2022},
};

/// RFC 2047 section 2: the name is a token. What holds an "@" or a space instead is an address or
/// plain text to a reader that does not decode it.
bool is_charset_octet(char c) {
  return ascii::is_alnum(c) || std::string_view("-_.:+*").contains(c);
}

Form form_of(std::string_view charset) {
  if (!std::ranges::all_of(charset, is_charset_octet)) return Form::kOpaque;
  charset = charset.substr(0, charset.find('*'));  // RFC 2231 section 5: a language may follow
  const auto known = std::ranges::find_if(kCharsets, [charset](const Charset& each) {
    return ascii::starts_with_ignoring_case(charset, each.prefix);
  });
  return known == std::end(kCharsets) ? Form::kOpaque : known->form;
}

int hexadecimal(char c) {
  if (ascii::is_digit(c)) return c - '0';
  const char upper = ascii::to_upper(c);
  return upper >= 'A' && upper <= 'F' ? upper - 'A' + 10 : -1;
}

std::string decode_q(std::string_view text) {
  std::string octets;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '=' && i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hexadecimal(text[i + 2]);
    if (low >= 0) {
      octets += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      octets += text[i] == '_' ? ' ' : text[i];
    }
  }
  return octets;
}

/// What is not of the alphabet is skipped; padding ends a group, and another one may follow.
std::string decode_b(std::string_view text) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string octets;
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == kAlphabet.npos) {
      if (c == '=') bits = 0;
      continue;
    }
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    octets += static_cast<char>(group >> bits & 0xffu);
  }
  return octets;
}

/// Replaces the characters that begin with an octet above 127 and end with any that `ends` one.
template <class Begins, class Ends>
std::string without_pairs(std::string_view octets, Begins begins, Ends ends) {
  std::string rest;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(octets[at]); };
    if (begins(octet(i)) && i + 1 < octets.size() && ends(octet(i + 1))) {
      rest += kReplacement;
      ++i;
    } else {
      rest += octets[i];
    }
  }
  return rest;
}

/// ISO/IEC 2022: ESC "$" … ESC "(" and one octet, and SO … SI, hold characters of two octets.
std::string without_shifted(std::string_view octets) {
  constexpr char kEscape = '\x1b';
  constexpr char kShiftOut = '\x0e';
  constexpr char kShiftIn = '\x0f';
  std::string rest;
  bool wide = false;
  bool shifted = false;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const char c = octets[i];
    if (c == kEscape) {
      const std::string_view sequence = octets.substr(i + 1, 3);
      // ESC "$" ")" C of RFC 1557 only says what SO means.
      const bool designates = sequence.starts_with("$)");
      if (!designates) wide = sequence.starts_with('$');
      const bool long_one = sequence.starts_with("$(") || designates;
      i += std::min<std::size_t>(long_one ? 3 : 2, octets.size() - i - 1);
    } else if (c == kShiftOut || c == kShiftIn) {
      shifted = c == kShiftOut;
    } else if (wide || shifted) {
      rest += kReplacement;
    } else {
      rest += c;
    }
  }
  return rest;
}

std::string in_ascii(std::string octets, Form form) {
  switch (form) {
    case Form::kShiftJis:
      return without_pairs(
          octets,
          [](unsigned char c) { return (c >= 0x81 && c <= 0x9f) || (c >= 0xe0 && c <= 0xfc); },
          [](unsigned char c) { return c >= 0x40 && c != 0x7f && c <= 0xfc; });
    case Form::kGbk:
      return without_pairs(
          octets, [](unsigned char c) { return c >= 0x81 && c <= 0xfe; },
          [](unsigned char c) { return c >= 0x40 && c != 0x7f && c <= 0xfe; });
    case Form::kIso2022:
      return without_shifted(octets);
    case Form::kPlain:
    case Form::kOpaque:
      break;
  }
  return octets;
}

/// The encoded word that begins at `begin`, if there is one.
std::optional<EncodedWord> word_at(std::string_view text, std::size_t begin) {
  const std::size_t charset = begin + 2;
  const std::size_t mark = text.find('?', charset);
  if (mark == text.npos || mark + 2 >= text.size() || text[mark + 2] != '?') {
    return std::nullopt;
  }
  const char encoding = ascii::to_upper(text[mark + 1]);
  if (encoding != 'B' && encoding != 'Q') return std::nullopt;
  const std::size_t end = text.find("?=", mark + 3);
  if (end == text.npos) return std::nullopt;
  const std::string_view encoded = text.substr(mark + 3, end - mark - 3);
  const Form form = form_of(text.substr(charset, mark - charset));
  return EncodedWord{
      .begin = begin,
      .end = end + 2,
      .text_begin = mark + 3,
      .text_end = end,
      .octets = in_ascii(encoding == 'B' ? decode_b(encoded) : decode_q(encoded), form),
      .opaque = form == Form::kOpaque};
}

}  // namespace

std::vector<EncodedWord> find_encoded_words(std::string_view text) {
  std::vector<EncodedWord> words;
  for (std::size_t at = text.find("=?"); at != text.npos; at = text.find("=?", at)) {
    if (auto word = word_at(text, at)) {
      at = word->end;
      words.push_back(*std::move(word));
    } else {
      at += 2;
    }
  }
  return words;
}

std::string decode_encoded_words(std::string_view text, const std::vector<EncodedWord>& words) {
  std::string decoded;
  std::size_t at = 0;
  for (const EncodedWord& word : words) {
    const std::string_view between = text.substr(at, word.begin - at);
    const bool dropped = at > 0 && ascii::trim(between).empty();
    if (!dropped) decoded += between;
    decoded += word.octets;
    at = word.end;
  }
  return decoded.append(text.substr(at));
}

std::string decode_one_by_one(std::string_view text, const std::vector<EncodedWord>& words) {
  std::string decoded;
  std::size_t at = 0;
  for (const EncodedWord& word : words) {
    decoded.append(text.substr(at, word.begin - at)).append(word.octets);
    at = word.end;
  }
  return decoded.append(text.substr(at));
}

}  // namespace sallyport::message
