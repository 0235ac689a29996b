#include "proxy/server/upstream_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "proxy/relay/conditions.h"

namespace sallyport::server {
namespace {

using std::chrono::seconds;

constexpr Duration kTellEvery = std::chrono::minutes(1);
constexpr std::size_t kMostTenants = 20;  // of one upstream: what is wrong is often alike

/// Who is in trouble, and what it is.
struct Troubled {
  std::string name;  // of the upstream, and as whom where tenants log in by their own names
  relay::Health::Diagnosis diagnosis;
};

std::vector<Troubled> all_in_trouble(const config::Config& config,
                                     const relay::ConnectionCaps& upstreams) {
  std::vector<Troubled> all;
  for (const config::Upstream& upstream : config.upstreams) {
    if (auto diagnosis = upstreams.diagnosis(upstream.name)) {
      all.push_back({upstream.name, *std::move(diagnosis)});
    }
    if (!config::is_per_tenant(upstream)) continue;
    for (auto& tenant : upstreams.tenants_in_trouble(upstream.name, kMostTenants)) {
      all.push_back({upstream.name + " as " + tenant.username, std::move(tenant.diagnosis)});
    }
  }
  return all;
}

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
  for (const Troubled& each : all_in_trouble(config, upstreams)) {
    text += "upstream " + in_words(each.name, each.diagnosis, now) + '\n';
  }
  return text;
}

void UpstreamWatch::look(const config::Config& config, const relay::ConnectionCaps& upstreams,
                         TimePoint now, log::Logger& logger) {
  std::map<std::string, TimePoint, std::less<>> told;
  for (Troubled& each : all_in_trouble(config, upstreams)) {
    if (!relay::is_for_operator(each.diagnosis.trouble)) continue;
    const auto known = told_.find(each.name);
    TimePoint last = known == told_.end() ? each.diagnosis.since : known->second;
    if (now - last >= kTellEvery) {
      last = now;
      logger.write(log::Level::kError, "upstream_needs_operator",
                   {{"upstream", each.name},
                    {"trouble", relay::name(each.diagnosis.trouble)},
                    {"since", now - each.diagnosis.since},
                    {"error", each.diagnosis.words}});
    }
    told.emplace(std::move(each.name), last);
  }
  told_ = std::move(told);
}

}  // namespace sallyport::server
