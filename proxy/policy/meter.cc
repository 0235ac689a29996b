#include "proxy/policy/meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"

namespace sallyport::policy {
namespace {

/// `text` with each `{name}` replaced by the user's label; nullopt if the user lacks one.
std::optional<std::string> with_labels(std::string_view text, const config::User& user) {
  std::string filled;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    filled += text.substr(0, open);
    if (open == text.npos) break;
    const std::size_t close = text.find('}', open);
    const std::string_view name = text.substr(open + 1, close - open - 1);
    const auto label = std::ranges::find(user.labels, name, &config::Label::name);
    if (label == user.labels.end()) return std::nullopt;
    filled += label->value;
    text.remove_prefix(close + 1);
  }
  return filled;
}

/// The address, or the /64 of an IPv6 address.
std::string network_of(const IpAddress& client) {
  if (client.is_v4()) return client.str();
  const std::uint64_t network = client.network();
  std::string groups;
  for (int shift = 48; shift >= 0; shift -= 16) {
    groups += fmt::format("{:x}:", network >> shift & 0xffff);
  }
  return groups + ":/64";
}

/// How many recipients each domain has.
std::map<std::string, std::uint64_t> by_domain(const std::vector<std::string_view>& domains) {
  std::map<std::string, std::uint64_t> counts;
  for (const std::string_view domain : domains) ++counts[ascii::lower(domain)];
  return counts;
}

}  // namespace

const std::vector<config::Window>& windows(const config::LimitRule& rule, Limit unit) {
  static const std::vector<config::Window> kNone;
  switch (unit) {
    case Limit::kMessages:
      return rule.messages;
    case Limit::kRecipients:
      return rule.recipients;
    case Limit::kBytes:
      return rule.bytes;
    case Limit::kConnections:
      break;
  }
  return kNone;
}

std::uint64_t units(const Charge& charge, Limit unit) {
  switch (unit) {
    case Limit::kMessages:
      return charge.messages;
    case Limit::kRecipients:
      return charge.recipients;
    case Limit::kBytes:
      return charge.bytes;
    case Limit::kConnections:
      break;
  }
  return 0;
}

std::vector<Meter> meters_for(const std::vector<config::LimitRule>& rules, const Facts& facts) {
  using enum config::LimitKey;
  std::vector<Meter> meters;
  meters.reserve(rules.size());
  const Charge whole{.messages = 1, .recipients = facts.recipients, .bytes = facts.bytes};
  for (const config::LimitRule& rule : rules) {
    const auto add = [&](std::string subject) {
      if (!subject.empty()) meters.push_back({&rule, std::move(subject), whole});
    };
    switch (rule.key) {
      case kUser:
        add(ascii::lower(facts.user.name));
        break;
      case kGroup:
        for (const std::string& group : facts.user.groups) add(group);
        break;
      case kNetwork:
        add(network_of(facts.client));
        break;
      case kListener:
        add(facts.listener);
        break;
      case kSenderDomain:
        add(ascii::lower(facts.sender_domain));
        break;
      case kRecipientDomain:
        for (const auto& [domain, count] : by_domain(facts.domains)) {
          meters.push_back(
              {&rule, domain, {.messages = 1, .recipients = count, .bytes = facts.bytes}});
        }
        break;
      case kProcess:
        add("all mail");
        break;
      case kLabels:
        add(with_labels(rule.labels, facts.user).value_or(std::string()));
        break;
    }
  }
  return meters;
}

}  // namespace sallyport::policy
