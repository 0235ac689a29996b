// Readers of address fields, each lenient in its own way, as programs are that follow no grammar:
// what the gateway lets a user say must name nobody else to any of them. They share no code with
// it.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::support {

namespace reader_detail {

inline bool is_word(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return std::isalnum(octet) != 0 || octet >= 0x80 ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c));
}

inline bool is_letter(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return std::isalnum(octet) != 0 || octet >= 0x80 || c == '_' || c == '.' || c == '-';
}

/// Whether the last label of a name could be a top level domain: none is a number or one letter.
inline bool has_top_level(std::string_view name) {
  while (name.ends_with('.')) name.remove_suffix(1);
  const std::size_t dot = name.rfind('.');
  if (dot == name.npos || dot == 0) return false;
  const std::string_view label = name.substr(dot + 1);
  return label.size() > 1 && std::ranges::any_of(label, [](char c) { return c < '0' || c > '9'; });
}

inline std::string without_folds(std::string_view text) {
  std::string rest;
  for (const char c : text) {
    if (c != '\r' && c != '\n') rest += c;
  }
  return rest;
}

inline std::string from_base64(std::string_view text) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bits;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    for (int bit = 5; value != kAlphabet.npos && bit >= 0; --bit) {
      bits += (value >> bit & 1) != 0 ? '1' : '0';
    }
  }
  std::string octets;
  for (std::size_t i = 0; i + 8 <= bits.size(); i += 8) {
    octets += static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2));
  }
  return octets;
}

/// Decodes encoded words wherever they stand.
inline std::string decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t begin = text.find("=?");
    out += text.substr(0, begin);
    if (begin == text.npos) break;
    text.remove_prefix(begin);
    const std::size_t charset = text.find('?', 2);
    const std::size_t end = charset == text.npos ? text.npos : text.find("?=", charset + 3);
    // In other charsets an "@" may be half of a character.
    const bool known = end != text.npos && text[charset + 2] == '?' &&
                       std::string_view("bBqQ").contains(text[charset + 1]) &&
                       !text.substr(2, charset - 2).contains("jis") &&
                       !text.substr(2, charset - 2).contains("2022");
    if (!known) {  // no reader decodes what it has no name for
      out += text.substr(0, 2);
      text.remove_prefix(2);
      continue;
    }
    const std::string_view content = text.substr(charset + 3, end - charset - 3);
    if ((text[charset + 1] | 0x20) == 'b') {
      out += from_base64(content);
    } else {
      for (std::size_t i = 0; i < content.size(); ++i) {
        const bool hex = content[i] == '=' && i + 2 < content.size() &&
                         std::isxdigit(static_cast<unsigned char>(content[i + 1])) != 0 &&
                         std::isxdigit(static_cast<unsigned char>(content[i + 2])) != 0;
        if (hex) {
          out += static_cast<char>(std::stoi(std::string(content.substr(i + 1, 2)), nullptr, 16));
          i += 2;
        } else {
          out += content[i] == '_' ? ' ' : content[i];
        }
      }
    }
    text.remove_prefix(end + 2);
  }
  return out;
}

/// The search that scripts do: word characters, "@", word characters.
inline void by_pattern(std::string_view text, std::vector<std::string>& found) {
  const auto is_local = [](char c) { return is_letter(c) || c == '+'; };
  for (std::size_t at = text.find('@'); at != text.npos; at = text.find('@', at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && is_local(text[begin - 1])) --begin;
    std::size_t end = at + 1;
    while (end < text.size() && is_letter(text[end])) ++end;
    while (end > at && text[end - 1] == '.') --end;
    if (begin < at && end > at + 1) found.emplace_back(text.substr(begin, end - begin));
  }
}

/// What stands in angle brackets, from the first or the last "<".
inline void by_brackets(std::string_view text, std::vector<std::string>& found) {
  for (const std::size_t open : {text.find('<'), text.rfind('<')}) {
    if (open == text.npos) continue;
    std::string_view inside = text.substr(open + 1);
    inside = inside.substr(0, inside.find('>'));
    const bool plain = inside.find_first_of(" \t<(),;:\"\\[]'`*") == inside.npos;
    if (plain && std::ranges::count(inside, '@') == 1 && !inside.starts_with('@') &&
        !inside.ends_with('@')) {
      found.emplace_back(inside);
    }
  }
}

/// RFC 5322 section 3.4.1 with the obsolete forms of 4.4: words with dots between them, "@", atoms
/// with dots between them; comments and white space anywhere.
inline void by_grammar(std::string_view text, std::vector<std::string>& found) {
  struct Token {
    std::string text;
    bool word;
    bool quoted;
    bool spaced;
  };
  std::vector<Token> tokens;
  bool spaced = false;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == ' ' || c == '\t') {
      spaced = true;
      ++i;
      continue;
    }
    if (c == '(') {
      int depth = 0;
      do {
        if (text[i] == '\\')
          ++i;
        else if (text[i] == '(')
          ++depth;
        else if (text[i] == ')')
          --depth;
        ++i;
      } while (i < text.size() && depth > 0);
      spaced = true;
      continue;
    }
    std::string token;
    bool word = false;
    const bool quoted = c == '"';
    if (quoted) {
      word = true;
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        token += text[i];
      }
      ++i;
    } else if (is_word(c)) {
      word = true;
      while (i < text.size() && is_word(text[i])) token += text[i++];
    } else {
      token = text[i++];
    }
    tokens.push_back({token, word, quoted, spaced});
    spaced = false;
  }
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    if (tokens[at].word || tokens[at].text != "@" || at == 0 || !tokens[at - 1].word) continue;
    std::size_t begin = at - 1;
    while (begin >= 2 && tokens[begin - 1].text == "." && tokens[begin - 2].word) begin -= 2;
    std::string domain;
    // The mark of an encoded word, and nothing of it, is no name that anybody has.
    const bool mark = tokens[at - 1].text.contains("=?") && tokens[at - 1].text.ends_with('?');
    bool loose = tokens[at].spaced || tokens[at - 1].quoted || mark;
    std::size_t i = at + 1;
    if (i < tokens.size() && tokens[i].word) {
      loose |= tokens[i].spaced || tokens[i].quoted;
      domain = tokens[i++].text;
      while (i + 1 < tokens.size() && tokens[i].text == "." && tokens[i + 1].word) {
        domain += '.' + tokens[i + 1].text;
        i += 2;
      }
    }
    // No name in the DNS has anything else.
    domain.resize(
        static_cast<std::size_t>(std::ranges::find_if_not(domain, is_letter) - domain.begin()));
    // With white space or quotes around it "@" is a word of a name, unless a domain follows.
    if (domain.empty() || (loose && !has_top_level(domain))) continue;
    std::string local;
    for (std::size_t each = begin; each < at; ++each) local += tokens[each].text;
    found.push_back(local + '@' + domain);
  }
}

}  // namespace reader_detail

/// Every address that one of the readers takes out of the value of a field, folded or not.
inline std::vector<std::string> addresses_read(std::string_view value) {
  std::vector<std::string> found;
  const std::string plain = reader_detail::without_folds(value);
  for (const std::string& text : {plain, reader_detail::decoded(plain)}) {
    reader_detail::by_pattern(text, found);
    reader_detail::by_brackets(text, found);
    reader_detail::by_grammar(text, found);
  }
  for (std::string& address : found) {
    while (address.ends_with('.')) address.pop_back();
  }
  // No top level domain has a "_", no address is without a domain, and no name on a
  // host without a domain ends with "_": it stands for a space.
  std::erase_if(found, [](const std::string& address) {
    const std::size_t at = address.rfind('@');
    const std::size_t dot = address.rfind('.');
    const bool nobody = at > 0 && std::string_view("_=").contains(address[at - 1]) &&
                        !reader_detail::has_top_level(std::string_view(address).substr(at + 1));
    return at + 1 == address.size() || nobody ||
           address.find('_', dot == address.npos || dot < at ? at : dot) != address.npos;
  });
  return found;
}

}  // namespace sallyport::support
