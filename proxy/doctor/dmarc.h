// DMARC records (RFC 7489): what receivers are asked to do with mail that does not show that it is
// its author's.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/doctor/texts.h"
#include "proxy/runtime/task.h"

namespace sallyport::doctor {

enum class DmarcPolicy { kNone, kQuarantine, kReject };

/// "none", "quarantine", "reject".
std::string_view name(DmarcPolicy policy);

struct DmarcRecord {
  DmarcPolicy policy = DmarcPolicy::kNone;
  DmarcPolicy subdomain_policy = DmarcPolicy::kNone;  ///< As `policy` if the record does not say.
  bool strict_dkim = false;                           ///< `adkim=s`.
  bool strict_spf = false;                            ///< `aspf=s`.
  int percent = 100;                                  ///< `pct`.
  bool has_reports = false;                           ///< It says where reports go: `rua`.
};

bool is_dmarc(std::string_view text);
/// The error says what is wrong. RFC 7489 section 6.3.
std::expected<DmarcRecord, std::string> parse_dmarc(std::string_view text);

/// The record that holds for a domain.
struct DmarcSurvey {
  std::string at;      ///< The domain whose record it is; empty: there is none.
  std::string record;  ///< It, as it is.
  std::optional<DmarcRecord> parsed;
  std::optional<std::string> fault;    ///< What is wrong with it.
  std::optional<std::string> trouble;  ///< Why it could not be looked up.

  /// What is asked for mail of `domain`.
  DmarcPolicy policy_for(std::string_view domain) const;
};

/// Looks at `domain` and then at its parents, down to the one with two labels, for a record: the
/// tree walk that follows RFC 7489, which needs no list of public suffixes.
runtime::Task<DmarcSurvey> survey_dmarc(Texts& texts, std::string domain);

/// `domain` and those above it, down to the one with two labels: the domains that are asked for a
/// record, and those that relaxed alignment takes for the same (RFC 7489 section 3.1).
std::vector<std::string> domain_and_above(std::string_view domain);

}  // namespace sallyport::doctor
