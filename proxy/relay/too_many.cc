#include "proxy/relay/too_many.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "proxy/base/ascii.h"

namespace sallyport::relay {
namespace {

// What there is too much of, and that it is too much. Exchange: "The maximum number of concurrent
// connections has exceeded a limit"; Amazon SES and Exim: "Too many concurrent SMTP connections";
// Postfix: "too many connections from"; Brevo: "Concurrent connections limit exceeded"; Dovecot:
// "Maximum number of connections from user+IP exceeded".
constexpr std::array<std::string_view, 2> kNouns = {"connection", "session"};
constexpr std::array<std::string_view, 8> kTooMany = {
    "too many", "maximum", "exceed", "limit", "simultaneous", "concurrent", "parallel", "max "};
// Limits of another kind: how many in a time, how many have failed, how much one connection may
// carry or how long it may last.
constexpr std::array<std::string_view, 14> kOtherLimits = {
    " rate",           "per minute", "per hour", "per second",  "attempt",
    "timeout",         "timed out",  "messages", "emails",      "recipients",
    "too many errors", "commands",   "mails",    "transactions"};

template <std::size_t count>
bool has_any(std::string_view text, const std::array<std::string_view, count>& words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return text.contains(word); });
}

}  // namespace

bool says_too_many_connections(const Attempt& attempt) {
  if (!attempt.reply || attempt.stage < Stage::kGreeting || attempt.stage > Stage::kMail) {
    return false;
  }
  // A rule of the provider decides first.
  using enum Meaning;
  if (attempt.meaning == kConnections) return true;
  if (attempt.meaning == kQuota || attempt.meaning == kAccount || attempt.meaning == kSender) {
    return false;
  }
  // Whatever its words: a server that has no room says so when it is called (RFC 5321 3.8, 4.2.2).
  if (attempt.stage == Stage::kGreeting && attempt.reply->code == 421) return true;
  const std::string text = ascii::lower(attempt.reply->text());
  return has_any(text, kNouns) && has_any(text, kTooMany) && !has_any(text, kOtherLimits);
}

}  // namespace sallyport::relay
