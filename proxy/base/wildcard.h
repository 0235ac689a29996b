// Texts with `*` in them, as the configuration has them for labels and header fields.
#pragma once

#include <string_view>

namespace sallyport {

/// Is `text` what `pattern` describes? `*` stands for any octets, or none; all else is compared
/// without regard to ASCII case. Costs at most the product of both lengths.
bool matches_wildcard(std::string_view pattern, std::string_view text);

}  // namespace sallyport
