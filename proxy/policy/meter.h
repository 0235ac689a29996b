// What a message is charged to by the `[[limit]]` tables: one Meter for each count.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/ip_address.h"
#include "proxy/config/config.h"
#include "proxy/policy/rate_limiter.h"
#include "proxy/policy/refusal.h"
#include "proxy/smtp/reply.h"

namespace sallyport::policy {

/// One count, and what it is charged. Refers to the configuration, which must outlive it.
struct Meter {
  const config::LimitRule* rule = nullptr;
  std::string subject;  ///< "billing", "192.0.2.7", "example.org"; of the process: "all mail".
  Charge charge;
};

/// What of a message decides which counts it is charged to.
struct Facts {
  const config::User& user;
  IpAddress client;
  std::string listener;  ///< The address, as configured.
  std::string_view sender_domain;
  std::uint64_t recipients = 0;
  std::vector<std::string_view> domains = {};  ///< Of the recipients, one for each.
  std::uint64_t bytes = 0;
};

/// The meters of `rules` for a message. A limit by a group, label or domain does not hold for a
/// message that has none. Domains are compared without regard to case.
std::vector<Meter> meters_for(const std::vector<config::LimitRule>& rules, const Facts& facts);

/// A window of a limit that has no room.
struct Exceeded {
  std::string limit;    ///< The name of the `[[limit]]`.
  std::string subject;  ///< As of the Meter.
  Limit unit = Limit::kMessages;
  config::Window window;
  std::uint64_t asked = 0;
  bool permanent = false;  ///< More was asked for than the window ever has.
  Duration retry_after{};  ///< If not permanent, and nothing else is taken meanwhile.
};

/// The refusal in SMTP. At MAIL and after the content:
///   450 4.7.1 limit crm: 100 messages per minute used up for billing: try again in 12 s
///   550 5.7.1 limit crm: 50 recipients at a time for billing, not 70: split the message
///   552 5.3.4 limit crm: 10 MB at a time for billing, and this message has 12500000 octets
smtp::Reply reply_for(const Exceeded& refusal);
/// To a RCPT that is one too many: the client sends the rest later.
///   452 4.5.3 limit crm: 50 recipients per minute used up for billing: try again in 12 s
smtp::Reply reply_to_recipient(const Exceeded& refusal);
/// "100/minute burst 20", "5000/day UTC": as the configuration has it, with plain numbers.
std::string window_text(const config::Window& window);
/// The same without a code, for the log.
std::string describe(const Exceeded& refusal);

/// The windows of one unit.
const std::vector<config::Window>& windows(const config::LimitRule& rule, Limit unit);
/// The units of a charge.
std::uint64_t units(const Charge& charge, Limit unit);
inline constexpr std::array kMeteredUnits = {Limit::kMessages, Limit::kRecipients, Limit::kBytes};

}  // namespace sallyport::policy
