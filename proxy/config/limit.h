// `[[limit]]`: limits by any key.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/config/rate.h"

namespace sallyport::config {

/// One rate of a limit: over any time (`rate.burst` at once), or of each calendar day in UTC.
struct Window {
  Rate rate;
  bool calendar = false;  ///< Counted from 0:00 UTC on; there is no burst then.

  bool operator==(const Window&) const = default;
};

/// Reads a rate, or `AMOUNT/day UTC`. The error says what was expected.
Result<Window> parse_window(std::string_view text, bool sizes);

/// By what a limit tells one count from another.
enum class LimitKey : std::uint8_t {
  kUser,
  kGroup,            ///< Each group of the user has a count of its own.
  kNetwork,          ///< The client's IPv4 address or IPv6 /64.
  kListener,         ///< The address the client connected to.
  kSenderDomain,     ///< Of the reverse-path.
  kRecipientDomain,  ///< Each domain among the recipients has a count of its own.
  kProcess,          ///< One count for all mail.
  kLabels,           ///< A text with labels of the user in it.
};

/// `[[limit]]`. A unit without windows is not limited.
struct LimitRule {
  std::string name;
  LimitKey key = LimitKey::kUser;
  std::string labels = {};  ///< For kLabels: text in which `{name}` stands for a label.
  std::vector<Window> messages = {};
  std::vector<Window> recipients = {};
  std::vector<Window> bytes = {};
  bool observe = false;    ///< Refuses nothing: it says what it would refuse.
  bool attempted = false;  ///< What was not delivered counts, too.

  bool operator==(const LimitRule&) const = default;
};

}  // namespace sallyport::config
