#include "metrics/registry.h"

#include <algorithm>
#include <array>

#include "proxy/base/ascii.h"

namespace sallyport::metrics {
namespace {

// AUTH's argument is the client's to choose, so only names on this list become label values.
constexpr std::array<std::string_view, 12> kMechanisms = {
    "PLAIN",       "LOGIN",         "CRAM-MD5",         "DIGEST-MD5",         "EXTERNAL",
    "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "XOAUTH2",
    "OAUTHBEARER", "ANONYMOUS"};

}  // namespace

Registry::Registry(Options options) : state_(std::make_unique<State>(std::move(options))) {}
Registry::~Registry() = default;

ListenerMetrics& Registry::for_listener(std::string_view name) {
  return state_->listeners.get(name);
}

void Registry::set_most_users(std::size_t most) { state_->users.set_most(most); }

UserMetrics& Registry::for_user(std::string_view name) { return state_->users.get(name); }

UpstreamMetrics& Registry::for_upstream(std::string_view name) {
  return state_->upstreams.get(name);
}

LimitMetrics& Registry::for_limit(std::string_view name) { return state_->limits.get(name); }

AuthMetrics& Registry::for_mechanism(std::string_view mechanism) {
  const auto known = std::ranges::find_if(kMechanisms, [mechanism](std::string_view candidate) {
    return ascii::equals_ignoring_case(candidate, mechanism);
  });
  return state_->mechanisms.get(known == kMechanisms.end() ? "other" : *known);
}

SourceMetrics& Registry::for_auth_source(std::string_view name) {
  return state_->auth_sources.get(name);
}

ProcessMetrics& Registry::process() { return state_->process; }

}  // namespace sallyport::metrics
