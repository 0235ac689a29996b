#include "proxy/server/upstream_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "proxy/relay/conditions.h"

namespace sallyport::server {
namespace {

using std::chrono::seconds;

constexpr Duration kTellEvery = std::chrono::minutes(1);

std::string in_words(std::string_view upstream, const relay::Health::Diagnosis& diagnosis,
                     TimePoint now) {
  return fmt::format("{}: {} for {} s: {}", upstream, relay::name(diagnosis.trouble),
                     std::chrono::duration_cast<seconds>(now - diagnosis.since).count(),
                     diagnosis.words);
}

}  // namespace

Result<void> has_way_out(const config::Config& config, const relay::ConnectionCaps& upstreams,
                         TimePoint now) {
  const auto route = std::ranges::find_if(config.routes, relay::has_no_condition);
  if (route == config.routes.end()) return {};
  std::string why;
  for (const config::Target& target : route->upstreams) {
    const std::string& name = config.upstreams[target.upstream].name;
    const auto diagnosis = upstreams.diagnosis(name);
    // One that may be asked again is a way out: without clients nothing would ever ask it.
    if (!diagnosis || now >= diagnosis->closed_until) return {};
    why += fmt::format("{}{}", why.empty() ? "" : "; ", in_words(name, *diagnosis, now));
  }
  return fail(ErrorCode::kNetwork, "no upstream is left: " + why);
}

std::string troubles(const config::Config& config, const relay::ConnectionCaps& upstreams,
                     TimePoint now) {
  std::string text;
  for (const config::Upstream& upstream : config.upstreams) {
    const auto diagnosis = upstreams.diagnosis(upstream.name);
    if (diagnosis) text += "upstream " + in_words(upstream.name, *diagnosis, now) + '\n';
  }
  return text;
}

void UpstreamWatch::look(const config::Config& config, const relay::ConnectionCaps& upstreams,
                         TimePoint now, log::Logger& logger) {
  for (const config::Upstream& upstream : config.upstreams) {
    const auto diagnosis = upstreams.diagnosis(upstream.name);
    if (!diagnosis || !relay::is_for_operator(diagnosis->trouble)) {
      told_.erase(upstream.name);
      continue;
    }
    TimePoint& told = told_.try_emplace(upstream.name, diagnosis->since).first->second;
    if (now - told < kTellEvery) continue;
    told = now;
    logger.write(log::Level::kError, "upstream_needs_operator",
                 {{"upstream", upstream.name},
                  {"trouble", relay::name(diagnosis->trouble)},
                  {"since", now - diagnosis->since},
                  {"error", diagnosis->words}});
  }
}

}  // namespace sallyport::server
