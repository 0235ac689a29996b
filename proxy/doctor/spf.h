// SPF records (RFC 7208): the form of one, and what a domain's record comes to with all that it
// includes.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/doctor/texts.h"
#include "proxy/runtime/task.h"

namespace sallyport::doctor {

/// What a term says.
enum class SpfKind { kAll, kInclude, kA, kMx, kPtr, kIp4, kIp6, kExists, kRedirect, kOther };

/// A mechanism or a modifier.
struct SpfTerm {
  SpfKind kind = SpfKind::kOther;
  char qualifier = '+';  ///< Of a mechanism.
  std::string value;     ///< What stands behind `:` or `=`; a domain or an address.

  bool operator==(const SpfTerm&) const = default;
};

/// Is this TXT record one of SPF, however broken? RFC 7208 section 4.5.
bool is_spf(std::string_view text);

/// The terms of a record in their order; the error says which one is wrong. RFC 7208 section 4.6.1.
std::expected<std::vector<SpfTerm>, std::string> parse_spf(std::string_view text);

/// What the SPF record of a domain comes to.
struct SpfSurvey {
  /// RFC 7208 section 4.6.4: more, and every receiver gives "permerror".
  static constexpr std::size_t kMostLookups = 10;

  bool exists = false;   ///< The domain has a record.
  std::string record;    ///< It, as it is.
  char all = '?';        ///< The qualifier of `all`, the record's own or that it is redirected to.
  bool has_all = false;  ///< There is one.
  std::size_t lookups = 0;  ///< Terms that ask DNS, in it and in all that it includes.
  /// Domains, in lower case, whose senders pass: by an include that does not say otherwise.
  std::vector<std::string> includes;
  std::vector<std::string> networks;  ///< Whose addresses pass, in it and in those.
  std::vector<std::string> unread;    ///< Domains with macros, which depend on the message.
  std::vector<std::string> faults;    ///< What makes receivers give "permerror".
  std::vector<std::string> troubles;  ///< What could not be looked up.

  /// Is `domain` among those included?
  bool includes_domain(std::string_view domain) const;
  /// Does every network of `other`, which has one, pass here? So it is where a record names
  /// networks in place of the domain that they are from.
  bool covers(const SpfSurvey& other) const;
};

/// Reads the record of `domain` and all records that it includes or is redirected to. Terms of the
/// kinds a, mx, ptr and exists are counted and not followed.
runtime::Task<SpfSurvey> survey_spf(Texts& texts, std::string domain);

}  // namespace sallyport::doctor
