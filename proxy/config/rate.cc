#include "proxy/config/rate.h"

#include <array>
#include <optional>

#include "proxy/base/ascii.h"
#include "proxy/config/numbers.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kBurst = "burst";

using std::chrono::seconds;

struct Period {
  std::string_view name;
  seconds length;
};

constexpr auto kPeriods = std::to_array<Period>({{"second", seconds(1)},
                                                 {"minute", std::chrono::minutes(1)},
                                                 {"hour", std::chrono::hours(1)},
                                                 {"day", std::chrono::days(1)}});

std::unexpected<Error> not_a_rate(bool sizes) {
  return fail(ErrorCode::kInvalid,
              sizes
                  ? "expected a rate such as \"100 MB/hour\" or \"1 GiB/day burst 50 MiB\", per "
                    "second, minute, hour or day"
                  : "expected a rate such as \"100/minute\" or \"5000/day burst 200\", per second, "
                    "minute, hour or day");
}

std::optional<seconds> take_period(std::string_view& text) {
  for (const Period& period : kPeriods) {
    if (!text.starts_with(period.name)) continue;
    text.remove_prefix(period.name.size());
    return period.length;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> take_amount(std::string_view& text, bool sizes) {
  const auto amount = sizes ? take_size(text) : take_number(text);
  if (!amount || *amount == 0 || *amount > kMostInRate) return std::nullopt;
  return amount;
}

}  // namespace

Result<Rate> parse_rate(std::string_view text, bool sizes) {
  const auto amount = take_amount(text, sizes);
  if (!amount) return not_a_rate(sizes);
  skip_blanks(text);
  if (!text.starts_with('/')) return not_a_rate(sizes);
  text.remove_prefix(1);
  skip_blanks(text);
  const auto period = take_period(text);
  if (!period) return not_a_rate(sizes);
  if (text.empty()) return Rate{.amount = *amount, .period = *period, .burst = *amount};

  if (!ascii::is_wsp(text.front())) return not_a_rate(sizes);
  skip_blanks(text);
  if (!text.starts_with(kBurst)) return not_a_rate(sizes);
  text.remove_prefix(kBurst.size());
  if (text.empty() || !ascii::is_wsp(text.front())) return not_a_rate(sizes);
  skip_blanks(text);
  const auto burst = take_amount(text, sizes);
  if (!burst || !text.empty()) return not_a_rate(sizes);
  return Rate{.amount = *amount, .period = *period, .burst = *burst};
}

}  // namespace sallyport::config
