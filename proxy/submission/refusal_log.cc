#include "proxy/submission/refusal_log.h"

#include <utility>

#include "proxy/base/ip_address.h"
#include "proxy/config/values.h"

namespace sallyport::submission {
namespace {

// Enough to see which client it is, and for tools that block addresses by what the log says.
constexpr std::uint32_t kMostLinesOfNetwork = 10;
constexpr std::uint32_t kMostLines = 100;
constexpr Duration kInterval = std::chrono::seconds(10);

template <std::size_t... kIndex>
std::array<Throttle, sizeof...(kIndex)> throttles(std::index_sequence<kIndex...>) {
  return {((void)kIndex, Throttle(kMostLinesOfNetwork, kInterval))...};
}

log::Kind kind_of(const RefusalLog::Client& client) {
  return client.user.empty() ? log::Kind::kStranger : log::Kind::kTransaction;
}

}  // namespace

RefusalLog::RefusalLog() = default;

RefusalLog::Gate::Gate()
    : by_network_(throttles(std::make_index_sequence<kGroups>())), all_(kMostLines, kInterval) {}

std::optional<std::uint64_t> RefusalLog::Gate::pass(TimePoint now, std::string_view ip) {
  const IpAddress address = IpAddress::parse(ip).value_or(IpAddress());
  // Spreads neighbouring networks; a client that chooses its group gains nothing by it.
  const std::uint64_t mixed = address.network() * 0x9e3779b97f4a7c15u;
  Throttle& of_network = by_network_[mixed >> 60];
  if (!of_network.pass(now) || !all_.pass(now)) {
    ++suppressed_;
    return std::nullopt;
  }
  return std::exchange(suppressed_, 0);
}

std::optional<log::Line> RefusalLog::begin(log::Logger& logger, TimePoint now, log::Level level,
                                           std::string_view event, Gate& gate,
                                           const Client& client) {
  if (!logger.enabled(level)) return std::nullopt;
  const auto suppressed = gate.pass(now, client.ip);
  if (!suppressed) return std::nullopt;
  log::Line line = logger.line(level, event);
  line.field("client", client.ip).field("listener", config::str(client.listener));
  if (!client.ehlo.empty()) line.field("ehlo", client.ehlo);
  if (!client.user.empty()) line.field("user", client.user);
  if (*suppressed > 0) line.field("suppressed", *suppressed);
  return line;
}

void RefusalLog::refused(log::Logger& logger, TimePoint now, metrics::Refusal reason,
                         const Client& client, std::string_view error) {
  const auto index = static_cast<std::size_t>(reason);
  auto line =
      begin(logger, now, log::Level::kWarning, "connection_refused", refusals_[index], client);
  if (!line) return;
  line->field("cause", metrics::kRefusalNames[index]);
  if (!error.empty()) line->field("error", error);
  logger.write(log::Level::kWarning, std::move(*line), kind_of(client));
}

void RefusalLog::broke_off(log::Logger& logger, TimePoint now, metrics::Offence reason,
                           const Client& client) {
  const auto index = static_cast<std::size_t>(reason);
  auto line =
      begin(logger, now, log::Level::kWarning, "session_broken_off", offences_[index], client);
  if (!line) return;
  line->field("cause", metrics::kOffenceNames[index]);
  logger.write(log::Level::kWarning, std::move(*line), kind_of(client));
}

void RefusalLog::handshake_failed(log::Logger& logger, TimePoint now, const Client& client,
                                  std::string_view error) {
  auto line = begin(logger, now, log::Level::kInfo, "tls_handshake_failed", handshakes_, client);
  if (!line) return;
  line->field("error", error);
  logger.write(log::Level::kInfo, std::move(*line), kind_of(client));
}

void RefusalLog::login_failed(log::Logger& logger, TimePoint now, LoginFailure cause,
                              const Client& client, std::string_view mechanism,
                              std::string_view authcid, std::string_view error) {
  const auto index = static_cast<std::size_t>(cause);
  const log::Level level =
      cause == LoginFailure::kUnavailable ? log::Level::kError : log::Level::kWarning;
  auto line = begin(logger, now, level, "auth", logins_[index], client);
  if (!line) return;
  line->field("cause", kLoginFailureNames[index]);
  if (!mechanism.empty()) line->field("mechanism", mechanism);
  if (!authcid.empty()) line->field("authcid", authcid);
  if (!error.empty()) line->field("error", error);
  logger.write(level, std::move(*line), kind_of(client));
}

void RefusalLog::barred(log::Logger& logger, TimePoint now, auth::BarredBy by, const Client& client,
                        std::string_view authcid) {
  auto line = begin(logger, now, log::Level::kWarning, "auth_barred", bars_, client);
  if (!line) return;
  line->field("by", by == auth::BarredBy::kNetwork ? "network" : "account");
  if (!authcid.empty()) line->field("authcid", authcid);
  logger.write(log::Level::kWarning, std::move(*line), kind_of(client));
}

void RefusalLog::command_refused(log::Logger& logger, TimePoint now, smtp::Verb verb,
                                 const Client& client, std::string_view reply) {
  auto line = begin(logger, now, log::Level::kInfo, "refused",
                    commands_[static_cast<std::size_t>(verb)], client);
  if (!line) return;
  line->field("verb", smtp::name(verb)).field("reply", reply);
  logger.write(log::Level::kInfo, std::move(*line), kind_of(client));
}

}  // namespace sallyport::submission
