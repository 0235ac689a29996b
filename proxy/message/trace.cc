#include "proxy/message/trace.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"

namespace sallyport::message {
namespace {

constexpr std::size_t kLongestName = 255;  // RFC 5321 section 4.5.3.1.2

// By hand: names of days and months must not follow the locale.
constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// What others said, made fit for a place in the field that is neither quoted nor in a comment.
std::string safe(std::string_view text) {
  if (text.empty()) return "unknown";
  std::string out(text.substr(0, kLongestName));
  for (char& c : out) {
    if (!ascii::is_alnum(c) && !std::string_view(".-_:[]").contains(c)) c = '?';
  }
  return out;
}

/// The `for` clause, or nothing: a mailbox in it must be readable by everyone.
std::string for_clause(const smtp::Mailbox* recipient) {
  if (recipient == nullptr) return {};
  const std::string mailbox = recipient->domain.empty() ? recipient->local : recipient->str();
  const bool plain = std::ranges::all_of(mailbox, [](char c) {
    return c > 32 && c < 127 && !std::string_view("<>()\\\"").contains(c);
  });
  if (!plain || mailbox.size() > kLongestName) return {};
  return fmt::format("\r\n\tfor <{}>", mailbox);
}

}  // namespace

std::string_view with_protocol(bool extended, bool tls, bool authenticated) {
  if (!extended) return "SMTP";
  if (tls) return authenticated ? "ESMTPSA" : "ESMTPS";
  return authenticated ? "ESMTPA" : "ESMTP";
}

std::string date_time(WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  return fmt::format("{}, {} {} {:04} {:02}:{:02}:{:02} +0000", kDays[weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::string message_id(std::string_view id, std::string_view hostname) {
  return fmt::format("<{}@{}>", safe(id), safe(hostname));
}

std::string received_field(const Trace& trace) {
  const bool tls = !trace.tls_version.empty();
  const bool ipv6 = trace.client_ip.contains(':');
  std::string field = fmt::format("Received: from {} ([{}{}])", safe(trace.ehlo_name),
                                  ipv6 ? "IPv6:" : "", safe(trace.client_ip));
  if (tls) {
    field += fmt::format("\r\n\t(using {} with cipher {})", safe(trace.tls_version),
                         safe(trace.tls_cipher));
  }
  field += fmt::format("\r\n\tby {} with {} id {}", safe(trace.hostname),
                       with_protocol(trace.extended, tls, trace.authenticated), safe(trace.id));
  field += for_clause(trace.only_recipient);
  return field + fmt::format(";\r\n\t{}\r\n", date_time(trace.now));
}

std::string trace_fields(const Trace& trace, const HeaderFacts& facts) {
  std::string fields = received_field(trace);
  if (!facts.has_date) fields += fmt::format("Date: {}\r\n", date_time(trace.now));
  if (!facts.has_message_id) {
    fields += fmt::format("Message-ID: {}\r\n", message_id(trace.id, trace.hostname));
  }
  return fields;
}

}  // namespace sallyport::message
