// The local part of a mail address in one form, so that equal addresses compare equal: RFC 5321
// section 4.1.2 lets `jane`, `"jane"` and `"\jane"` stand for the same mailbox.
#pragma once

#include <string>
#include <string_view>

namespace sallyport {

/// What a local part stands for: of a quoted string its content, without quotes and backslashes;
/// of all else the text itself. `local` is one whole quoted string, or has no quotes.
std::string unquoted_local_part(std::string_view local);

/// The normal form of the local part that stands for `content`: a dot-string (RFC 5321 section
/// 4.1.2, with the UTF-8 of RFC 6531 section 3.3) where that is possible, else a quoted string.
std::string normal_local_part(std::string_view content);

}  // namespace sallyport
