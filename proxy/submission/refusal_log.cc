#include "proxy/submission/refusal_log.h"

#include <cstddef>
#include <utility>

#include "proxy/config/values.h"

namespace sallyport::submission {
namespace {

// Enough to see who it is; a flood of all reasons at once is some ten lines a second.
constexpr std::uint32_t kMostLines = 10;
constexpr Duration kInterval = std::chrono::seconds(10);

template <std::size_t... kIndex>
std::array<Throttle, sizeof...(kIndex)> throttles(std::index_sequence<kIndex...>) {
  return {((void)kIndex, Throttle(kMostLines, kInterval))...};
}

}  // namespace

RefusalLog::RefusalLog()
    : refusals_(throttles(std::make_index_sequence<metrics::kRefusalNames.size()>())),
      offences_(throttles(std::make_index_sequence<metrics::kOffenceNames.size()>())) {}

void RefusalLog::refused(log::Logger& logger, TimePoint now, metrics::Refusal reason,
                         const Client& client) {
  const auto index = static_cast<std::size_t>(reason);
  write(logger, now, "connection_refused", metrics::kRefusalNames[index], refusals_[index], client);
}

void RefusalLog::broke_off(log::Logger& logger, TimePoint now, metrics::Offence reason,
                           const Client& client) {
  const auto index = static_cast<std::size_t>(reason);
  write(logger, now, "session_broken_off", metrics::kOffenceNames[index], offences_[index], client);
}

void RefusalLog::write(log::Logger& logger, TimePoint now, std::string_view event,
                       std::string_view reason, Throttle& throttle, const Client& client) {
  const auto unwritten = throttle.pass(now);
  if (!unwritten) return;
  log::Line line = logger.line(log::Level::kWarning, event);
  line.field("reason", reason)
      .field("listener", config::str(client.listener))
      .field("client", client.ip);
  if (!client.user.empty()) line.field("user", client.user);
  if (!client.detail.empty()) line.field("detail", client.detail);
  if (*unwritten > 0) line.field("unwritten", *unwritten);
  logger.write(log::Level::kWarning, std::move(line));
}

}  // namespace sallyport::submission
