#include "proxy/relay/replies.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/relay/retry_after.h"

namespace sallyport::relay {
namespace {

using smtp::EnhancedCode;
using smtp::Reply;

// What a client hears of an upstream's words.
constexpr std::size_t kMostLines = 20;
constexpr std::size_t kMostOctets = 4096;
constexpr std::string_view kCut = " [...]";

// A reply is for a person: past this many recipients it says how many more there are.
constexpr std::size_t kMostNamed = 20;

/// RFC 3463 section 3.5.
EnhancedCode why_not_now(const Attempt& attempt) {
  if (attempt.reply) {
    using enum Meaning;
    const bool busy = attempt.meaning == kThrottled || attempt.meaning == kConnections ||
                      attempt.meaning == kQuota || attempt.reply->code == 421;
    return busy ? EnhancedCode{4, 4, 5} : EnhancedCode{4, 4, 0};
  }
  if (attempt.error.code == ErrorCode::kCancelled) return {4, 3, 2};
  if (attempt.error.code == ErrorCode::kNotFound) return {4, 4, 3};
  if (attempt.error.code == ErrorCode::kSystem) return {4, 3, 0};
  if (is_own_shortage(attempt)) return {4, 3, 1};
  switch (attempt.stage) {
    case Stage::kLease:
      return {4, 4, 5};
    case Stage::kConnect:
    case Stage::kGreeting:
      return {4, 4, 1};
    default:
      return {4, 4, 2};
  }
}

/// The upstream's reply in one line that is not too long.
std::string words_of(const Reply& reply) {
  std::string words = one_line(reply);
  if (words.size() > kMostOctets) words.replace(kMostOctets, words.npos, kCut);
  return words;
}

/// Cuts what is too much of an upstream's lines.
void cap(std::vector<std::string>& lines) {
  bool is_cut = lines.size() > kMostLines;
  if (is_cut) lines.resize(kMostLines);
  std::size_t room = kMostOctets;
  for (std::string& line : lines) {
    if (line.size() > room) {
      is_cut = true;
      line.resize(room);
    }
    room -= line.size();
  }
  while (lines.size() > 1 && lines.back().empty()) lines.pop_back();
  if (is_cut) lines.back() += kCut;
}

void name_refused(const std::vector<RefusedRecipient>& refused, Reply& reply) {
  const std::size_t named = std::min(refused.size(), kMostNamed);
  for (std::size_t i = 0; i < named; ++i) {
    reply.lines.push_back(
        fmt::format("<{}>: {}", refused[i].recipient.str(), words_of(refused[i].reply)));
  }
  if (refused.size() > named) {
    reply.lines.push_back(fmt::format("and {} more", refused.size() - named));
  }
}

/// Client libraries read the provider's id of the message out of the final reply, most of them with
/// a pattern that ends at the end of the last line (Symfony, PHPMailer, nodemailer): the upstream's
/// words stand alone on their line, and last.
Reply accepted(const message::Message& message, const Attempt& attempt, config::ReplyWords words) {
  Reply reply = attempt.said();
  if (words == config::ReplyWords::kOurs) {
    reply = Reply(250, {2, 0, 0}, fmt::format("Ok: {} {}", message.id, reply.text()));
  }
  if (attempt.refused.empty()) return reply;
  const std::vector<std::string> last_lines = std::move(reply.lines);
  reply.lines.assign(1, fmt::format("Not for {} of {} recipients, which were refused:",
                                    attempt.refused.size(), message.envelope.recipients.size()));
  name_refused(attempt.refused, reply);
  reply.lines.insert(reply.lines.end(), last_lines.begin(), last_lines.end());
  return reply;
}

Reply refused(const message::Message& message, const Attempt& attempt) {
  Reply reply = attempt.said();
  // Permanent by its meaning, whatever its code says (Meaning::kPermanent).
  if (!reply.is_permanent()) {
    reply.code = 554;
    reply.enhanced = EnhancedCode{5, 6, 0};
  }
  if (!reply.enhanced) reply.enhanced = EnhancedCode{5, 0, 0};
  if (!attempt.refused.empty()) {
    reply.lines.assign(1, fmt::format("{} not sent: {} of {} recipients were refused:", message.id,
                                      attempt.refused.size(), message.envelope.recipients.size()));
    name_refused(attempt.refused, reply);
  } else {
    cap(reply.lines);
    reply.lines.back() += fmt::format(" ({})", message.id);
  }
  return reply;
}

/// A transient reply, with the time after which the upstream wants the message again, if it said
/// one.
Reply deferred(const message::Message& message, std::string_view upstream, const Attempt& attempt) {
  const auto wait = retry_after(attempt.said().text());
  const std::string when = wait ? fmt::format("in {} s", wait->count()) : "later";
  Reply reply(wait ? 450 : 451, why_not_now(attempt),
              fmt::format("{} not sent, try again {}: upstream {} said at {}: {}", message.id, when,
                          upstream, name(attempt.stage), words_of(attempt.said())));
  name_refused(attempt.refused, reply);
  return reply;
}

}  // namespace

Outcome outcome_of(const Attempt& attempt) {
  switch (attempt.end) {
    case End::kAccepted:
      return Outcome::kDelivered;
    case End::kRefused:
      return Outcome::kRefused;
    case End::kUnsuited:
      return attempt.said().is_permanent() ? Outcome::kRefused : Outcome::kDeferred;
    case End::kDeferred:
    case End::kMisconfigured:
    case End::kFailed:
      return Outcome::kDeferred;
    case End::kUnknown:
      return Outcome::kUnknown;
    case End::kAbandoned:
      return Outcome::kAbandoned;
  }
  return Outcome::kUnknown;
}

Reply client_reply(const message::Message& message, std::string_view upstream,
                   const Attempt& attempt, config::ReplyWords words) {
  switch (attempt.end) {
    case End::kAccepted:
      return accepted(message, attempt, words);
    case End::kRefused:
      return refused(message, attempt);
    case End::kUnsuited:
      return attempt.said();
    case End::kMisconfigured:
      if (attempt.meaning == Meaning::kAccount || attempt.meaning == Meaning::kSender) {
        return Reply(
            451, {4, 7, 0},
            fmt::format("{} not sent: upstream {} does not let this gateway's account {}; "
                        "its operator has been told, try again later",
                        message.id, upstream,
                        attempt.meaning == Meaning::kSender ? "send as this sender" : "send"));
      }
      return Reply(
          451, {4, 7, 0},
          fmt::format("{} not sent: this gateway could not {} upstream {}; its operator "
                      "has been told, try again later",
                      message.id, attempt.stage == Stage::kTls ? "verify" : "log in at", upstream));
    case End::kUnknown:
      return Reply(451, {4, 4, 2},
                   fmt::format("{}: upstream {} did not confirm that it has the message ({}); it "
                               "may have, so a second attempt may deliver it twice",
                               message.id, upstream, attempt.error.text));
    case End::kAbandoned:  // 421: nothing more will be said on this connection
      return Reply(421, {4, 4, 2}, fmt::format("{} not sent: the client has gone", message.id));
    case End::kDeferred:
      return deferred(message, upstream, attempt);
    case End::kFailed:
      return Reply(451, why_not_now(attempt),
                   fmt::format("{} not sent, try again later: upstream {}, {}: {}", message.id,
                               upstream, name(attempt.stage), attempt.error.text));
  }
  return not_tried_reply(message, {4, 3, 0}, "unknown");
}

Reply not_tried_reply(const message::Message& message, EnhancedCode status, std::string_view why) {
  return Reply(451, status, fmt::format("{} not sent, try again later: {}", message.id, why));
}

}  // namespace sallyport::relay
