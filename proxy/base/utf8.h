// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing past U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace sallyport::utf8 {

/// The length of the well-formed sequence at the front of `text`, which is not empty; 0 if there is
/// none.
std::size_t sequence(std::string_view text);

/// All of `text` is well-formed; so is the empty text.
bool is_valid(std::string_view text);

/// No octet of `text` is above 127.
bool is_ascii(std::string_view text);

}  // namespace sallyport::utf8
