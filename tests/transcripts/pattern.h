// The lines of a transcript: escapes on the way in, wildcards when they are held against what came.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::transcripts {

/// Replaces `{base64:TEXT}` by TEXT in base64; TEXT may have the escapes of `unescape`.
std::string expand(std::string_view text);

/// Replaces \r \n \t \0 \\ and \xHH by the octet, and \{TEXT*N} by TEXT (with escapes) N times.
std::string unescape(std::string_view text);

/// Makes octets printable: the inverse of `unescape` for what can't be shown.
std::string printable(std::string_view octets);

/// Is `text` what `pattern` says? `*` stands for any octets, `<id>` for a transaction id.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace sallyport::transcripts
