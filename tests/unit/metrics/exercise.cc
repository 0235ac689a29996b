#include "exercise.h"

#include <sstream>

namespace sallyport::metrics {

std::unique_ptr<Registry> exercised_registry() {
  using std::chrono::milliseconds;
  auto registry = std::make_unique<Registry>(
      Registry::Options{.version = "1.2.3",
                        .started = WallTime(std::chrono::seconds(1'700'000'000)),
                        .content_octets = [] { return std::uint64_t{4096}; },
                        .log_lines_dropped = [] { return log::CountByKind{0, 2, 3}; }});
  auto& listener = registry->for_listener("[::]:465");
  listener.connections.add();
  listener.handshake(TlsVersion::k13, true);
  listener.refused_commands.add(4, 550);
  registry->for_mechanism("plain").results[AuthResult::kAccepted].add();
  registry->for_auth_source("kubernetes").answers[SourceAnswer::kAccepted].add();
  registry->for_auth_source("kubernetes").away.set(1);
  auto& user = registry->for_user("billing");
  user.message(Outcome::kAccepted, 10'240, 3);
  user.limit_refusals[Limit::kMessages].add();
  user.recipients_refused[RecipientRefusal::kOverflow].add();
  registry->for_limit("tenant").exceeded[Exceeded::kRefused].add();
  auto& upstream = registry->for_upstream("ses");
  upstream.message(UpstreamOutcome::kAccepted, 10'240, 3);
  upstream.pool[PoolState::kBusy].add(1);
  upstream.transaction.observe(milliseconds(40));
  upstream.delivery.observe(milliseconds(41));
  auto& process = registry->process();
  process.config_reloads[ReloadResult::kSuccess].add();
  process.config_loaded.set(WallTime(std::chrono::seconds(1'700'000'001)));
  process.certificate_expires.set(WallTime(std::chrono::seconds(1'800'000'000)));
  process.certificates_failed.set(1);
  process.content_limit.set(512 << 20);
  return registry;
}

std::set<std::string> family_names(const std::string& exposition) {
  std::set<std::string> names;
  std::istringstream lines(exposition);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, keyword, name;
    if (words >> hash >> keyword >> name && hash == "#" && keyword == "TYPE") names.insert(name);
  }
  return names;
}

}  // namespace sallyport::metrics
