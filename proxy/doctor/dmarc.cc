#include "proxy/doctor/dmarc.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>

#include "proxy/base/ascii.h"
#include "proxy/doctor/tags.h"

namespace sallyport::doctor {
namespace {

using runtime::Task;

// Of a longer name, parents with as many labels are not asked for.
constexpr std::ptrdiff_t kMostLabels = 8;

std::optional<DmarcPolicy> policy_in(std::string_view text) {
  using enum DmarcPolicy;
  for (const DmarcPolicy policy : {kNone, kQuarantine, kReject}) {
    if (ascii::equals_ignoring_case(text, name(policy))) return policy;
  }
  return std::nullopt;
}

std::ptrdiff_t labels(std::string_view domain) { return std::ranges::count(domain, '.') + 1; }

std::string_view parent(std::string_view domain) {
  domain.remove_prefix(domain.find('.') + 1);
  return domain;
}

/// `adkim` and `aspf`.
std::expected<bool, std::string> strictness(const Tags& tags, std::string_view tag) {
  const auto value = tags.find(tag);
  if (!value || ascii::equals_ignoring_case(*value, "r")) return false;
  if (ascii::equals_ignoring_case(*value, "s")) return true;
  return std::unexpected(fmt::format("{} is \"{}\"; expected \"r\" or \"s\"", tag, *value));
}

}  // namespace

std::string_view name(DmarcPolicy policy) {
  switch (policy) {
    case DmarcPolicy::kQuarantine:
      return "quarantine";
    case DmarcPolicy::kReject:
      return "reject";
    case DmarcPolicy::kNone:
      break;
  }
  return "none";
}

bool is_dmarc(std::string_view text) { return has_version(text, "DMARC1"); }

std::expected<DmarcRecord, std::string> parse_dmarc(std::string_view text) {
  const auto tags = parse_tags(text);
  if (!tags) return std::unexpected(tags.error());
  const std::vector<Tag>& all = tags->all();
  // RFC 7489 section 6.3: exactly so, and first.
  if (!is_dmarc(text) || all.empty() || all.front() != Tag{"v", "DMARC1"}) {
    return std::unexpected("it does not begin with \"v=DMARC1\"");
  }
  DmarcRecord record;
  record.has_reports = tags->find("rua").has_value();
  const auto policy = tags->find("p");
  if (!policy) return std::unexpected("it has no policy: \"p=\" is missing");
  const auto known = policy_in(*policy);
  if (!known) {
    return std::unexpected(
        fmt::format("p is \"{}\"; expected \"none\", \"quarantine\" or \"reject\"", *policy));
  }
  record.policy = record.subdomain_policy = *known;
  if (const auto below = tags->find("sp")) {
    const auto below_known = policy_in(*below);
    if (!below_known) {
      return std::unexpected(
          fmt::format("sp is \"{}\"; expected \"none\", \"quarantine\" or \"reject\"", *below));
    }
    record.subdomain_policy = *below_known;
  }
  const auto dkim = strictness(*tags, "adkim");
  const auto spf = strictness(*tags, "aspf");
  if (!dkim) return std::unexpected(dkim.error());
  if (!spf) return std::unexpected(spf.error());
  record.strict_dkim = *dkim;
  record.strict_spf = *spf;
  if (const auto percent = tags->find("pct")) {
    const auto [end, error] =
        std::from_chars(percent->data(), percent->data() + percent->size(), record.percent);
    const bool whole = error == std::errc{} && end == percent->data() + percent->size();
    if (!whole || record.percent < 0 || record.percent > 100) {
      return std::unexpected(fmt::format("pct is \"{}\"; expected a number to 100", *percent));
    }
  }
  return record;
}

std::vector<std::string> domain_and_above(std::string_view domain) {
  std::vector<std::string> domains = {std::string(domain)};
  while (labels(domain) > 2) {
    domain = parent(domain);
    if (labels(domain) < kMostLabels) domains.emplace_back(domain);
  }
  return domains;
}

DmarcPolicy DmarcSurvey::policy_for(std::string_view domain) const {
  if (!parsed) return DmarcPolicy::kNone;
  return ascii::equals_ignoring_case(domain, at) ? parsed->policy : parsed->subdomain_policy;
}

Task<DmarcSurvey> survey_dmarc(Texts& texts, std::string domain) {
  DmarcSurvey survey;
  for (const std::string& at : domain_and_above(domain)) {
    const auto found = co_await texts.find("_dmarc." + at);
    if (!found && found.error().code == ErrorCode::kNotFound) continue;
    if (!found) {
      survey.trouble = found.error().text;
      co_return survey;
    }
    std::vector<std::string> records;
    std::ranges::copy_if(*found, std::back_inserter(records), is_dmarc);
    if (records.empty()) continue;
    survey.at = at;
    survey.record = records.front();
    // RFC 7489 section 6.6.3: of several none holds.
    if (records.size() > 1) {
      survey.fault = fmt::format("there are {} records, so none of them holds", records.size());
      co_return survey;
    }
    auto parsed = parse_dmarc(records.front());
    if (parsed) {
      survey.parsed = *parsed;
    } else {
      survey.fault = std::move(parsed.error());
    }
    co_return survey;
  }
  co_return survey;
}

}  // namespace sallyport::doctor
