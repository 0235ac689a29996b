// Base64 as SASL exchanges need it (RFC 4648 section 4, no line breaks).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::base64 {

/// Encodes with padding.
std::string encode(std::string_view bytes);

/// The alphabet for URLs and file names, without padding (RFC 4648 section 5, as JOSE has it).
std::string encode_url(std::string_view bytes);

/// Decodes strictly: only the alphabet, padding exactly as RFC 4648 wants it, no white space, and
/// no stray bits in the last group; anything else is nullopt.
std::optional<std::string> decode(std::string_view text);

/// Decodes what `encode_url` gives, as strictly.
std::optional<std::string> decode_url(std::string_view text);

}  // namespace sallyport::base64
