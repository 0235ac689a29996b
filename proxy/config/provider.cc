#include "proxy/config/provider.h"

#include <algorithm>
#include <utility>

#include "proxy/base/ascii.h"

namespace sallyport::config {
namespace {

constexpr auto kMeanings = std::to_array<std::pair<Meaning, std::string_view>>({
    {Meaning::kPlain, "plain"},
    {Meaning::kThrottled, "throttled"},
    {Meaning::kConnections, "connections"},
    {Meaning::kQuota, "quota"},
    {Meaning::kCredentials, "credentials"},
    {Meaning::kAccount, "account"},
    {Meaning::kSender, "sender"},
    {Meaning::kPermanent, "permanent"},
    {Meaning::kSuppressed, "suppressed"},
});

constexpr std::string_view kRegion = "{region}";

/// Where `wanted` stands in `text`, without regard to case.
std::size_t find(std::string_view text, std::string_view wanted) {
  const auto found = std::ranges::search(text, wanted, {}, ascii::to_lower, ascii::to_lower);
  return found.empty() && !wanted.empty() ? std::string_view::npos
                                          : static_cast<std::size_t>(found.begin() - text.begin());
}

/// Does `text` begin as `pattern` says? `*` stands for any text.
bool begins_as(std::string_view text, std::string_view pattern) {
  bool anywhere = false;
  while (true) {
    const std::size_t star = std::min(pattern.find('*'), pattern.size());
    const std::size_t at = find(text, pattern.substr(0, star));
    if (at == std::string_view::npos || (at != 0 && !anywhere)) return false;
    if (star == pattern.size()) return true;
    text.remove_prefix(at + star);
    pattern.remove_prefix(star + 1);
    anywhere = true;
  }
}

}  // namespace

std::string_view name(Meaning meaning) {
  return std::ranges::find(kMeanings, meaning, &decltype(kMeanings)::value_type::first)->second;
}

bool ReplyRule::fits(std::string_view stage, int reply_code, std::string_view reply_enhanced,
                     std::string_view line) const {
  const bool success = reply_code < 400;
  if (success != (meaning == Meaning::kSuppressed)) return false;
  if (code != 0 && code != reply_code) return false;
  if (!enhanced.empty() && enhanced != reply_enhanced) return false;
  if (std::ranges::find(stages, stage) == stages.end()) return false;
  return text.empty() || begins_as(line, text);
}

std::optional<std::string> Provider::host_in(std::string_view region) const {
  if (region.empty()) region = default_region;
  if (!region_hosts.empty()) {
    const auto found =
        std::ranges::find(region_hosts, region, &decltype(region_hosts)::value_type::first);
    if (found == region_hosts.end()) return std::nullopt;
    return found->second;
  }
  std::string result = host;
  const std::size_t at = result.find(kRegion);
  if (at == std::string::npos) return result;
  if (region.empty() || region.contains('.')) return std::nullopt;
  return result.replace(at, kRegion.size(), region);
}

}  // namespace sallyport::config
