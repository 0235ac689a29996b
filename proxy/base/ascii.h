// ASCII rules for protocol text: SMTP verbs, parameters and header field names are matched without
// regard to case and never by locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::ascii {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
/// Space or horizontal tab, the WSP of RFC 5234.
constexpr bool is_wsp(char c) { return c == ' ' || c == '\t'; }
/// C0 controls and DEL; tab counts as one.
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Equal, but for the case of A-Z.
bool equals_ignoring_case(std::string_view a, std::string_view b);
/// `text` begins with `prefix`, but for the case of A-Z.
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);
/// Does `text` match `pattern`, in which `*` stands for any number of octets, but for the case of
/// A-Z? Takes time in proportion to the product of their sizes at most.
bool matches_wildcard(std::string_view pattern, std::string_view text);
/// A copy with A-Z made lower case.
std::string lower(std::string_view text);
/// A view without the spaces and tabs at both ends.
std::string_view trim(std::string_view text);

/// For tables whose keys are the same but for the case of A-Z; a view can be looked up.
struct CaselessHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const;
};
/// The equality that goes with CaselessHash.
struct CaselessEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const {
    return equals_ignoring_case(a, b);
  }
};

}  // namespace sallyport::ascii
