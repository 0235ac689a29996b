#include "proxy/config/numbers.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "proxy/base/ascii.h"

namespace sallyport::config {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

struct SizeUnit {
  std::string_view name;
  std::uint64_t octets;
};

// Larger first: size_str takes the first that divides without a rest.
constexpr auto kSizeUnits = std::to_array<SizeUnit>({{"GiB", 1ull << 30},
                                                     {"GB", 1'000'000'000},
                                                     {"MiB", 1ull << 20},
                                                     {"MB", 1'000'000},
                                                     {"KiB", 1ull << 10},
                                                     {"KB", 1'000},
                                                     {"B", 1}});

}  // namespace

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number > kMost) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return number;
}

std::optional<std::uint64_t> take_size(std::string_view& text) {
  std::string_view rest = text;
  const auto number = take_number(rest);
  if (!number) return std::nullopt;
  std::string_view after_blanks = rest;
  skip_blanks(after_blanks);
  std::size_t letters = 0;
  while (letters < after_blanks.size() && ascii::is_alpha(after_blanks[letters])) ++letters;
  if (letters == 0) {
    text = rest;
    return number;
  }
  for (const SizeUnit& unit : kSizeUnits) {
    if (!ascii::equals_ignoring_case(unit.name, after_blanks.substr(0, letters))) continue;
    if (*number > kMost / unit.octets) return std::nullopt;
    text = after_blanks.substr(letters);
    return *number * unit.octets;
  }
  return std::nullopt;
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && ascii::is_wsp(text.front())) text.remove_prefix(1);
}

std::string size_str(std::uint64_t octets) {
  for (const SizeUnit& unit : kSizeUnits) {
    if (octets != 0 && unit.octets > 1 && octets % unit.octets == 0) {
      return fmt::format("{} {}", octets / unit.octets, unit.name);
    }
  }
  return octets == 1 ? "1 octet" : fmt::format("{} octets", octets);
}

}  // namespace sallyport::config
