#include "proxy/config/regions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "proxy/config/nearest.h"

namespace sallyport::config {
namespace {

constexpr std::string_view kPlaceholder = "{region}";

// Those with SES; docs.aws.amazon.com/general/latest/gr/ses.html, November 2026.
constexpr auto kAws = std::to_array<std::string_view>(
    {"af-south-1",     "ap-east-1",      "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
     "ap-south-1",     "ap-south-2",     "ap-southeast-1", "ap-southeast-2", "ap-southeast-3",
     "ap-southeast-4", "ap-southeast-5", "ca-central-1",   "ca-west-1",      "eu-central-1",
     "eu-central-2",   "eu-north-1",     "eu-south-1",     "eu-south-2",     "eu-west-1",
     "eu-west-2",      "eu-west-3",      "il-central-1",   "me-central-1",   "me-south-1",
     "sa-east-1",      "us-east-1",      "us-east-2",      "us-gov-east-1",  "us-gov-west-1",
     "us-west-1",      "us-west-2"});

constexpr auto kZoho = std::to_array<std::string_view>(
    {"com", "eu", "in", "com.au", "jp", "com.cn", "sa", "zohocloud.ca"});

std::span<const std::string_view> known_regions(std::string_view provider) {
  if (provider == "ses") return kAws;
  if (provider == "zoho") return kZoho;
  return {};
}

/// What stands for the region in `host`; nullopt if it does not look like the provider's.
std::optional<std::string_view> region_in(std::string_view host, std::string_view pattern) {
  const std::size_t at = pattern.find(kPlaceholder);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = pattern.substr(0, at);
  const std::string_view after = pattern.substr(at + kPlaceholder.size());
  if (!host.starts_with(before) || !host.ends_with(after)) return std::nullopt;
  if (host.size() <= before.size() + after.size()) return std::nullopt;
  return host.substr(before.size(), host.size() - before.size() - after.size());
}

}  // namespace

std::optional<std::string> doubt_about_region(const Provider& provider, std::string_view host) {
  const auto known = known_regions(provider.name);
  const auto region = region_in(host, provider.host);
  if (known.empty() || !region || std::ranges::find(known, *region) != known.end()) {
    return std::nullopt;
  }
  const auto meant = nearest(*region, known);
  return fmt::format("host is \"{}\", and \"{}\" is no known region of {}{}", host, *region,
                     provider.title, meant ? fmt::format("; did you mean \"{}\"?", *meant) : "");
}

}  // namespace sallyport::config
