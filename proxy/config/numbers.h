// Whole numbers and sizes at the front of a text, as the parsers of rates, durations and sizes need
// them. Overflow is "no number": nothing here wraps around.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::config {

/// Takes decimal digits off the front of `text`; nullopt, with `text` as it was, if there are none
/// or they need more than 63 bits.
std::optional<std::uint64_t> take_number(std::string_view& text);

/// Takes a number and, after optional blanks, a unit (B, KB, MB, GB, KiB, MiB, GiB in any case;
/// none means octets) off the front of `text`; nullopt if there is no such thing or it exceeds 63
/// bits.
std::optional<std::uint64_t> take_size(std::string_view& text);

/// Takes blanks off the front of `text`.
void skip_blanks(std::string_view& text);

/// A size as take_size reads it, in the largest unit that gives a whole number: "25 MiB", "1000
/// octets".
std::string size_str(std::uint64_t octets);

}  // namespace sallyport::config
