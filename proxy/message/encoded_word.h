// Encoded words of header fields (RFC 2047, RFC 2231 section 5), found and decoded as lenient
// readers do it: anywhere, with spaces or "?" inside, with base64 that is cut short. For a check
// that must see what any reader could see; not for display.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::message {

/// `=?charset?B?…?=` or `=?charset?Q?…?=`, at [begin, end) of the text that it was found in.
struct EncodedWord {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t text_begin = 0;  ///< Of what is encoded, at [text_begin, text_end).
  std::size_t text_end = 0;
  /// What it stands for. Octets below 128 are ASCII. Characters of two octets whose second one is
  /// below 128 (Shift_JIS, GBK, Big5, ISO-2022) are replaced by U+FFFD each.
  std::string octets;
  /// It is not known what ASCII looks like in its charset (UTF-7, UTF-16, EBCDIC, unknown ones).
  bool opaque = false;
};

/// The encoded words of `text`, in order.
std::vector<EncodedWord> find_encoded_words(std::string_view text);

/// `text` with each of its `words` replaced by what it stands for; white space between two of them
/// is dropped (RFC 2047 section 6.2).
std::string decode_encoded_words(std::string_view text, const std::vector<EncodedWord>& words);

/// The same by a reader that drops nothing.
std::string decode_one_by_one(std::string_view text, const std::vector<EncodedWord>& words);

}  // namespace sallyport::message
