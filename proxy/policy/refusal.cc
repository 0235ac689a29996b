#include "proxy/policy/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "proxy/policy/meter.h"

namespace sallyport::policy {
namespace {

using std::chrono::seconds;

struct Unit {
  std::uint64_t octets;
  const char* name;
};
constexpr Unit kUnits[] = {{1u << 30, "GiB"}, {1'000'000'000, "GB"}, {1u << 20, "MiB"},
                           {1'000'000, "MB"}, {1u << 10, "KiB"},     {1000, "KB"}};

/// Amounts of bytes as the config may have written them: in the largest unit that divides them.
std::string size_text(std::uint64_t octets) {
  for (const Unit& unit : kUnits) {
    if (octets != 0 && octets % unit.octets == 0) {
      return fmt::format("{} {}", octets / unit.octets, unit.name);
    }
  }
  return fmt::format("{} octets", octets);
}

std::string period_text(seconds period) {
  switch (period.count()) {
    case 1:
      return "second";
    case 60:
      return "minute";
    case 3600:
      return "hour";
    case 86400:
      return "day";
    default:
      return fmt::format("{} s", period.count());
  }
}

/// "100 messages per minute", "1 recipient per day", "50 MB per hour".
std::string rate_text(Limit limit, const config::Rate& rate) {
  std::string amount = size_text(rate.amount);
  if (limit != Limit::kBytes) {
    amount = fmt::format("{} {}", rate.amount, name(limit));
    if (rate.amount == 1) amount.pop_back();
  }
  return fmt::format("{} per {}", amount, period_text(rate.period));
}

/// Rounded up, so that who comes back then is not too early; in units a person reads at a glance.
std::string wait_text(Duration wait) {
  using std::chrono::ceil, std::chrono::hours, std::chrono::minutes;
  if (const auto whole = ceil<seconds>(wait); whole < seconds(120)) {
    return fmt::format("{} s", whole.count());
  }
  if (const auto whole = ceil<minutes>(wait); whole < minutes(120)) {
    return fmt::format("{} min", whole.count());
  }
  return fmt::format("{} h", ceil<hours>(wait).count());
}

}  // namespace

std::string_view name(Limit limit) {
  switch (limit) {
    case Limit::kMessages:
      return "messages";
    case Limit::kRecipients:
      return "recipients";
    case Limit::kBytes:
      return "bytes";
    case Limit::kConnections:
      return "connections";
  }
  return "";
}

smtp::Reply reply_for(const LimitExceeded& refusal, std::string_view user) {
  if (refusal.limit == Limit::kConnections) {
    return {421,
            {4, 7, 0},
            fmt::format("user {} has all of its {} connections open: close one or try again later",
                        user, refusal.rate.amount)};
  }
  if (!refusal.permanent) {
    return {450,
            {4, 7, 1},
            fmt::format("user {} is over its limit of {}: try again in {}", user,
                        rate_text(refusal.limit, refusal.rate), wait_text(refusal.retry_after))};
  }
  if (refusal.limit == Limit::kBytes) {
    return {552,
            {5, 3, 4},
            fmt::format("user {} may send {} at a time, and this message has {} octets", user,
                        size_text(refusal.rate.burst), refusal.asked)};
  }
  return {550,
          {5, 7, 1},
          fmt::format("user {} may send to {} {} at a time, not to {}: split the message", user,
                      refusal.rate.burst, name(refusal.limit), refusal.asked)};
}

std::string window_text(const config::Window& window) {
  const config::Rate& rate = window.rate;
  std::string text = fmt::format("{}/{}", rate.amount, period_text(rate.period));
  if (window.calendar) return text + " UTC";
  if (rate.burst != rate.amount) text += fmt::format(" burst {}", rate.burst);
  return text;
}

std::string describe(const Exceeded& refusal) {
  const std::string rate =
      rate_text(refusal.unit, refusal.window.rate) + (refusal.window.calendar ? " of UTC" : "");
  if (!refusal.permanent) {
    return fmt::format("limit {}: {} used up for {}: try again in {}", refusal.limit, rate,
                       refusal.subject, wait_text(refusal.retry_after));
  }
  const std::uint64_t most = refusal.window.rate.burst;
  if (refusal.unit == Limit::kBytes) {
    return fmt::format("limit {}: {} at a time for {}, and this message has {} octets",
                       refusal.limit, size_text(most), refusal.subject, refusal.asked);
  }
  return fmt::format("limit {}: {} {} at a time for {}, not {}: split the message", refusal.limit,
                     most, name(refusal.unit), refusal.subject, refusal.asked);
}

smtp::Reply reply_for(const Exceeded& refusal) {
  if (!refusal.permanent) return {450, {4, 7, 1}, describe(refusal)};
  if (refusal.unit == Limit::kBytes) return {552, {5, 3, 4}, describe(refusal)};
  return {550, {5, 7, 1}, describe(refusal)};
}

smtp::Reply reply_to_recipient(const Exceeded& refusal) {
  return {452, {4, 5, 3}, describe(refusal)};
}

}  // namespace sallyport::policy
