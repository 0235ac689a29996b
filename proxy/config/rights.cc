#include "proxy/config/rights.h"

#include <algorithm>

#include "proxy/base/ascii.h"

namespace sallyport::config {
namespace {

const UserRule* rule_of(const std::vector<UserRule>& rules,
                        const std::vector<UserRule>& group_rules, const User& user) {
  const auto of_name = std::ranges::find_if(
      rules, [&](const UserRule& rule) { return ascii::matches_wildcard(rule.match, user.name); });
  if (of_name != rules.end()) return &*of_name;
  const auto of_group = std::ranges::find_if(group_rules, [&](const UserRule& rule) {
    return std::ranges::any_of(user.groups, [&](const std::string& group) {
      return ascii::matches_wildcard(rule.match, group);
    });
  });
  return of_group == group_rules.end() ? nullptr : &*of_group;
}

}  // namespace

bool give_rights(const std::vector<UserRule>& rules, const std::vector<UserRule>& group_rules,
                 const Limits& defaults, User& user) {
  const UserRule* const rule = rule_of(rules, group_rules, user);
  user.limits = rule ? rule->limits : defaults;
  if (!rule) return false;
  if (user.senders.empty()) user.senders = rule->senders;
  for (const std::string& group : rule->groups) {
    if (std::ranges::find(user.groups, group) == user.groups.end()) user.groups.push_back(group);
  }
  for (const Label& label : rule->labels) {
    const bool is_new =
        std::ranges::find(user.labels, label.name, &Label::name) == user.labels.end();
    if (is_new) user.labels.push_back(label);
  }
  return true;
}

}  // namespace sallyport::config
