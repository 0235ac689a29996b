#include "proxy/doctor/sender_domains.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "proxy/base/ascii.h"

namespace sallyport::doctor {
namespace {

/// The domain of a pattern; empty: it is for every domain, or for none.
std::string domain_of(const config::AddressPattern& pattern) {
  const std::string normal = pattern.normal();
  const auto at = normal.rfind('@');
  if (at == std::string::npos) return "";
  std::string_view domain = std::string_view(normal).substr(at + 1);
  if (domain.starts_with("*.")) domain.remove_prefix(2);
  return ascii::lower(domain);
}

void add_domains(const std::vector<config::AddressPattern>& patterns,
                 std::set<std::string>& domains) {
  for (const config::AddressPattern& pattern : patterns) {
    if (std::string domain = domain_of(pattern); !domain.empty()) domains.insert(std::move(domain));
  }
}

/// May a route be for mail of this domain?
bool may_serve(const config::Route& route, const std::string& domain) {
  return route.senders.empty() ||
         std::ranges::any_of(route.senders, [&](const config::AddressPattern& pattern) {
           const std::string of_pattern = domain_of(pattern);
           return pattern.text() == "*" || of_pattern == domain || pattern.matches("x", domain);
         });
}

}  // namespace

std::vector<SenderDomain> sender_domains(const config::Config& config,
                                         const std::vector<std::string>& more) {
  std::set<std::string> names;
  for (const auto* users : {&config.auth.users, &config.auth.file_users}) {
    for (const config::User& user : *users) add_domains(user.senders, names);
  }
  for (const config::Route& route : config.routes) add_domains(route.senders, names);
  for (const std::string& name : more) {
    std::string lower = ascii::lower(name);
    if (lower.ends_with('.')) lower.pop_back();
    if (!lower.empty()) names.insert(std::move(lower));
  }
  std::vector<SenderDomain> domains;
  for (const std::string& name : names) {
    std::set<std::size_t> upstreams;
    for (const config::Route& route : config.routes) {
      if (!may_serve(route, name)) continue;
      for (const config::Target& target : route.upstreams) upstreams.insert(target.upstream);
    }
    domains.push_back({.name = name, .upstreams = {upstreams.begin(), upstreams.end()}});
  }
  return domains;
}

}  // namespace sallyport::doctor
