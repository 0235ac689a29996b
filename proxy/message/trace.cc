#include "proxy/message/trace.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "proxy/base/ascii.h"

namespace sallyport::message {
namespace {

constexpr std::size_t kLongestName = 255;  // RFC 5321 section 4.5.3.1.2

// By hand: names of days and months must not follow the locale.
constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr auto kSafe = [] {
  std::array<bool, 256> safe{};
  for (std::size_t octet = 0; octet < safe.size(); ++octet) {
    const char c = static_cast<char>(octet);
    safe[octet] = ascii::is_alnum(c) || std::string_view(".-_:[]").contains(c);
  }
  return safe;
}();

/// Appends what others said, made fit for a place that is neither quoted nor in a comment.
void append_safe(std::string& out, std::string_view text) {
  if (text.empty()) text = "unknown";
  const std::size_t begin = out.size();
  out += text.substr(0, kLongestName);
  for (char& c : std::span(out).subspan(begin)) {
    if (!kSafe[static_cast<unsigned char>(c)]) c = '?';
  }
}

/// Two digits, as clocks have them.
void append_two(std::string& out, std::int64_t number) {
  out += static_cast<char>('0' + number / 10);
  out += static_cast<char>('0' + number % 10);
}

/// Appends the `for` clause, or nothing: a mailbox in it must be readable by everyone.
void append_for(std::string& out, const smtp::Mailbox* recipient) {
  if (recipient == nullptr) return;
  const std::string mailbox = recipient->domain.empty() ? recipient->local : recipient->str();
  const bool plain = std::ranges::all_of(mailbox, [](char c) {
    return c > 32 && c < 127 && !std::string_view("<>()\\\"").contains(c);
  });
  if (!plain || mailbox.size() > kLongestName) return;
  out.append("\r\n\tfor <").append(mailbox).append(">");
}

void append_date_time(std::string& out, WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  const int year = static_cast<int>(date.year());
  out.append(kDays[weekday(day).c_encoding()]).append(", ");
  out.append(std::to_string(static_cast<unsigned>(date.day()))).append(" ");
  out.append(kMonths[static_cast<unsigned>(date.month()) - 1]).append(" ");
  append_two(out, year / 100);
  append_two(out, year % 100);
  out += ' ';
  append_two(out, clock.hours().count());
  out += ':';
  append_two(out, clock.minutes().count());
  out += ':';
  append_two(out, clock.seconds().count());
  out += " +0000";
}

void append_message_id(std::string& out, const Trace& trace) {
  out += '<';
  append_safe(out, trace.id);
  out += '@';
  append_safe(out, trace.message_id_domain.empty() ? trace.hostname : trace.message_id_domain);
  out += '>';
}

void append_client(std::string& out, const Trace& trace) {
  append_safe(out, trace.ehlo_name);
  out += trace.client_ip.contains(':') ? " ([IPv6:" : " ([";
  append_safe(out, trace.client_ip);
  out += "])";
}

void append_received(std::string& out, const Trace& trace) {
  const bool tls = !trace.tls_version.empty();
  out += "Received: from ";
  if (trace.hide_client) {
    out += "client.invalid";
  } else {
    append_client(out, trace);
  }
  if (tls) {
    out += "\r\n\t(using ";
    append_safe(out, trace.tls_version);
    out += " with cipher ";
    append_safe(out, trace.tls_cipher);
    out += ')';
  }
  out += "\r\n\tby ";
  append_safe(out, trace.hostname);
  out.append(" with ").append(with_protocol(trace));
  out += " id ";
  append_safe(out, trace.id);
  append_for(out, trace.only_recipient);
  out += ";\r\n\t";
  append_date_time(out, trace.now);
  out += "\r\n";
}

}  // namespace

std::string_view with_protocol(const Trace& trace) {
  if (!trace.extended) return "SMTP";
  const bool tls = !trace.tls_version.empty();
  if (trace.smtputf8) {
    if (tls) return trace.authenticated ? "UTF8SMTPSA" : "UTF8SMTPS";
    return trace.authenticated ? "UTF8SMTPA" : "UTF8SMTP";
  }
  if (tls) return trace.authenticated ? "ESMTPSA" : "ESMTPS";
  return trace.authenticated ? "ESMTPA" : "ESMTP";
}

std::string date_time(WallTime time) {
  std::string text;
  append_date_time(text, time);
  return text;
}

std::string message_id(const Trace& trace) {
  std::string text;
  append_message_id(text, trace);
  return text;
}

std::string received_field(const Trace& trace) {
  std::string field;
  append_received(field, trace);
  return field;
}

std::string trace_fields(const Trace& trace, const HeaderFacts& facts,
                         std::span<const config::HeaderField> added) {
  std::string fields;
  fields.reserve(512);  // mostly one allocation a message
  append_received(fields, trace);
  if (facts.removes_received && facts.hops() > 0) {
    fields.append(kReceivedRemoved).append(": ").append(std::to_string(facts.hops()));
    fields += "\r\n";
  }
  if (!facts.has_date) {
    fields += "Date: ";
    append_date_time(fields, trace.now);
    fields += "\r\n";
  }
  if (!facts.has_message_id) {
    fields += "Message-ID: ";
    append_message_id(fields, trace);
    fields += "\r\n";
  }
  for (const config::HeaderField& field : added) {
    fields.append(field.name).append(": ").append(field.text).append("\r\n");
  }
  return fields;
}

}  // namespace sallyport::message
