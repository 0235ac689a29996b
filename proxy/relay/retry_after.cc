#include "proxy/relay/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>

#include "proxy/base/ascii.h"

namespace sallyport::relay {
namespace {

using std::chrono::seconds;

// What stands before the number.
constexpr auto kLeads = std::to_array<std::string_view>(
    {"try again in ", "try again after ", "retry in ", "retry after ",
     "retry-after: ", "retry-after=", "please wait ", "wait for "});
constexpr seconds kMost = std::chrono::hours(24);

/// Seconds in the unit that `text` begins with; 0: no unit that is known.
std::uint32_t seconds_in(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, [](char c) { return c >= 'a' && c <= 'z'; });
  const std::string_view word(text.begin(), end);
  if (word.empty() || word == "s" || word.starts_with("sec")) return 1;
  if (word == "m" || word.starts_with("min")) return 60;
  if (word == "h" || word == "hr" || word == "hrs" || word.starts_with("hour")) return 3600;
  return 0;
}

std::optional<seconds> read_span(std::string_view text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  const std::uint64_t span = std::uint64_t{number} * seconds_in(text);
  if (span == 0 || span > static_cast<std::uint64_t>(kMost.count())) return std::nullopt;
  return seconds(span);
}

}  // namespace

std::optional<seconds> retry_after(std::string_view text) {
  const std::string lower = ascii::lower(text);
  for (const std::string_view lead : kLeads) {
    const std::size_t at = lower.find(lead);
    if (at == lower.npos) continue;
    if (const auto span = read_span(std::string_view(lower).substr(at + lead.size()))) return span;
  }
  return std::nullopt;
}

}  // namespace sallyport::relay
