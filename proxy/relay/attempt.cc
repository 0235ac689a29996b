#include "proxy/relay/attempt.h"

#include <fmt/format.h>

#include <utility>

#include "proxy/base/ascii.h"

namespace sallyport::relay {

std::string_view name(Stage stage) {
  switch (stage) {
    case Stage::kLease:
      return "wait";
    case Stage::kConnect:
      return "connect";
    case Stage::kTls:
      return "TLS";
    case Stage::kGreeting:
      return "greeting";
    case Stage::kEhlo:
      return "EHLO";
    case Stage::kAuth:
      return "AUTH";
    case Stage::kRset:
      return "RSET";
    case Stage::kMail:
      return "MAIL";
    case Stage::kRcpt:
      return "RCPT";
    case Stage::kData:
      return "DATA";
    case Stage::kContent:
      return "content";
    case Stage::kEnd:
      return "end of DATA";
  }
  return "";
}

bool says_too_many_recipients(const smtp::Reply& reply) {
  if (reply.enhanced && reply.enhanced->subject == 5 && reply.enhanced->detail == 3) return true;
  return (reply.code == 452 || reply.code == 552) &&
         ascii::lower(reply.text()).contains("too many recipients");
}

std::string one_line(const smtp::Reply& reply) { return reply.one_line(); }

std::string Attempt::str() const {
  std::string line =
      reply ? one_line(*reply) : fmt::format("{}: {}", relay::name(stage), error.text);
  for (const RefusedRecipient& refusal : refused) {
    line += fmt::format("; refused <{}>: {}", refusal.recipient.str(), one_line(refusal.reply));
  }
  return line;
}

Attempt failure(Stage stage, Error error) {
  Attempt attempt;
  attempt.end = End::kFailed;
  attempt.stage = stage;
  attempt.error = std::move(error);
  return attempt;
}

Attempt abandoned(Stage stage) {
  Attempt attempt = failure(stage, {ErrorCode::kCancelled, "the client has gone"});
  attempt.end = End::kAbandoned;
  return attempt;
}

Attempt unexpected_reply(Stage stage, const smtp::Reply& reply) {
  return failure(stage, {ErrorCode::kProtocol, "unexpected reply: " + one_line(reply)});
}

Attempt refusal(Stage stage, smtp::Reply reply, const config::Provider& provider, Echo echo) {
  Attempt attempt;
  attempt.stage = stage;
  attempt.meaning = read_reply(provider, stage, reply, echo).meaning;
  switch (attempt.meaning) {
    case Meaning::kThrottled:
    case Meaning::kConnections:
    case Meaning::kQuota:
      attempt.end = End::kDeferred;
      break;
    case Meaning::kCredentials:
    case Meaning::kAccount:
    case Meaning::kSender:
      attempt.end = End::kMisconfigured;
      break;
    case Meaning::kPermanent:
      attempt.end = End::kRefused;
      break;
    case Meaning::kPlain:
    case Meaning::kSuppressed:
      attempt.end = reply.is_permanent() ? End::kRefused : End::kDeferred;
      break;
  }
  attempt.reply = std::move(reply);
  return attempt;
}

Attempt refusal(Stage stage, smtp::Reply reply, const config::Provider& provider,
                const message::Envelope& envelope) {
  std::vector<std::string> addresses = {envelope.reverse_path.str()};
  for (const message::Recipient& recipient : envelope.recipients) {
    addresses.push_back(recipient.forward_path.str());
  }
  const std::vector<std::string_view> echo(addresses.begin(), addresses.end());
  return refusal(stage, std::move(reply), provider, echo);
}

}  // namespace sallyport::relay
