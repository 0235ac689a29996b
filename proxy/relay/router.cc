#include "proxy/relay/router.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/relay/conditions.h"

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

Router::Router(std::span<const config::Route> routes) : routes_(routes.begin(), routes.end()) {
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const config::Route& route = routes_[i];
    shared_.push_back(std::ranges::adjacent_find(route.upstreams, {}, &config::Target::priority) !=
                      route.upstreams.end());
    const bool plain = route.users.empty() && route.groups.empty() && route.labels.empty() &&
                       route.listeners.empty() && !needs_message(route);
    if (!plain) {
      add_conditional(route, i);
      continue;
    }
    if (route.senders.empty()) add("*", i);
    for (const config::AddressPattern& pattern : route.senders) add(pattern.normal(), i);
  }
  watch();
}

void Router::add_conditional(const config::Route& conditions, std::size_t route) {
  for (const std::string& user : conditions.users) by_user_[user].push_back(route);
  if (!conditions.users.empty()) return;
  for (const std::string& group : conditions.groups) by_group_[group].push_back(route);
  if (conditions.groups.empty()) others_.push_back(route);
}

void Router::watch() {
  std::vector<std::string> names;
  const auto note = [&names](const std::string& name) {
    const auto is = [&name](const std::string& other) {
      return ascii::equals_ignoring_case(name, other);
    };
    if (std::ranges::none_of(names, is)) names.push_back(name);
  };
  for (const config::Route& route : routes_) {
    if (!route.authors.empty()) note("From");
    for (const config::HeaderField& field : route.header) note(field.name);
  }
  if (!names.empty()) watched_ = std::make_shared<const std::vector<std::string>>(std::move(names));
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

std::size_t Router::find_plain(const smtp::ReversePath& reverse_path) const {
  const std::size_t named = reverse_path.mailbox ? find_mailbox(*reverse_path.mailbox) : null_;
  return std::min(any_, named);
}

/// Visits the routes with other conditions that may be for this caller and come before `before`, in
/// order, until `visit` returns false.
template <class Visit>
void Router::visit_conditional(std::size_t before, const Caller& caller, Visit visit) const {
  if (by_user_.empty() && by_group_.empty() && others_.empty()) return;
  std::vector<std::span<const std::size_t>> buckets = {others_};
  if (const auto user = by_user_.find(caller.user); user != by_user_.end()) {
    buckets.push_back(user->second);
  }
  for (const std::string& group : caller.groups) {
    if (const auto found = by_group_.find(group); found != by_group_.end()) {
      buckets.push_back(found->second);
    }
  }
  while (true) {
    std::size_t next = before;
    for (const auto& bucket : buckets) {
      if (!bucket.empty()) next = std::min(next, bucket.front());
    }
    if (next >= before || !visit(next)) return;
    for (auto& bucket : buckets) {  // a route of several groups stands in several buckets
      while (!bucket.empty() && bucket.front() == next) bucket = bucket.subspan(1);
    }
  }
}

std::optional<std::size_t> Router::find(const Traits& traits, const Caller& caller) const {
  std::size_t first = find_plain(traits.envelope.reverse_path);
  visit_conditional(first, caller, [&](std::size_t index) {
    const config::Route& route = routes_[index];
    const bool serves = unmet_by_sender(route, traits.envelope.reverse_path, caller).empty() &&
                        unmet_by_message(route, traits).empty();
    if (serves) first = index;
    return !serves;
  });
  return first == kNone ? std::nullopt : std::optional(first);
}

void Router::each_possible(const smtp::ReversePath& reverse_path, const Caller& caller,
                           const std::function<void(const config::Route&)>& visit) const {
  const std::size_t plain = find_plain(reverse_path);
  bool decided = false;
  visit_conditional(plain, caller, [&](std::size_t index) {
    const config::Route& route = routes_[index];
    if (!unmet_by_sender(route, reverse_path, caller).empty()) return true;
    visit(route);
    decided = !needs_message(route);
    return !decided;
  });
  if (!decided && plain != kNone) visit(routes_[plain]);
}

namespace {

/// Moves one of these to the front, each with a chance by its weight; those without any come last.
void draw(std::span<config::Target> equals, std::minstd_rand& random) {
  for (; equals.size() > 1; equals = equals.subspan(1)) {
    std::uint64_t sum = 0;
    for (const config::Target& target : equals) sum += target.weight;
    if (sum == 0) return;
    std::uint64_t at = std::uniform_int_distribution<std::uint64_t>(0, sum - 1)(random);
    auto drawn = equals.begin();
    while (at >= drawn->weight) at -= (drawn++)->weight;
    std::rotate(equals.begin(), drawn, drawn + 1);
  }
}

}  // namespace

std::span<const config::Target> Router::order(std::size_t route, std::minstd_rand& random,
                                              std::vector<config::Target>& drawn) const {
  const std::vector<config::Target>& targets = routes_[route].upstreams;
  if (!shared_[route]) return targets;
  drawn = targets;
  for (std::span<config::Target> rest = drawn; !rest.empty();) {
    const auto equal =
        std::ranges::upper_bound(rest, rest.front().priority, {}, &config::Target::priority);
    const auto count = static_cast<std::size_t>(equal - rest.begin());
    draw(rest.first(count), random);
    rest = rest.subspan(count);
  }
  return drawn;
}

}  // namespace sallyport::relay
