#include "proxy/relay/router.h"

#include <algorithm>
#include <cstdint>

#include "proxy/base/ascii.h"

namespace sallyport::relay {

std::size_t Router::Hash::operator()(std::string_view text) const {
  std::uint64_t hash =
      0xcbf29ce484222325u;  // FNV-1a: keys come from the config, not from strangers
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(ascii::to_lower(c))) * 0x100000001b3u;
  }
  return hash;
}

bool Router::Equal::operator()(std::string_view a, std::string_view b) const {
  return ascii::equals_ignoring_case(a, b);
}

Router::Router(std::span<const config::Route> routes) {
  for (std::size_t i = 0; i < routes.size(); ++i) {
    upstreams_.push_back(routes[i].upstreams);
    if (routes[i].senders.empty()) add("*", i);
    for (const config::AddressPattern& pattern : routes[i].senders) add(pattern.normal(), i);
  }
}

/// The forms are those of config::AddressPattern. The first route to name a key keeps it.
void Router::add(std::string_view pattern, std::size_t route) {
  if (pattern == "*") {
    any_ = std::min(any_, route);
    return;
  }
  if (pattern == "<>") {
    null_ = std::min(null_, route);
    return;
  }
  const std::size_t at = pattern.rfind('@');
  const std::string_view local = pattern.substr(0, at);
  const std::string_view domain = pattern.substr(at + 1);
  if (local != "*") {
    mailboxes_[std::string(domain)].try_emplace(std::string(local), route);
  } else if (domain.starts_with("*.")) {
    parents_.try_emplace(std::string(domain.substr(2)), route);
  } else {
    domains_.try_emplace(std::string(domain), route);
  }
}

std::size_t Router::find(const Index& index, std::string_view key) {
  const auto found = index.find(key);
  return found == index.end() ? kNone : found->second;
}

std::size_t Router::find_mailbox(const smtp::Mailbox& mailbox) const {
  std::size_t first = find(domains_, mailbox.domain);
  if (const auto domain = mailboxes_.find(mailbox.domain); domain != mailboxes_.end()) {
    first = std::min(first, find(domain->second, mailbox.local));
  }
  if (parents_.empty()) return first;
  std::string_view parent = mailbox.domain;
  for (std::size_t dot = parent.find('.'); dot != parent.npos; dot = parent.find('.')) {
    parent.remove_prefix(dot + 1);
    first = std::min(first, find(parents_, parent));
  }
  return first;
}

std::span<const std::size_t> Router::upstreams_for(const smtp::ReversePath& reverse_path) const {
  const std::size_t named = reverse_path.mailbox ? find_mailbox(*reverse_path.mailbox) : null_;
  const std::size_t route = std::min(any_, named);
  if (route == kNone) return {};
  return upstreams_[route];
}

}  // namespace sallyport::relay
