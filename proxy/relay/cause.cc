#include "proxy/relay/cause.h"

namespace sallyport::relay {
namespace {

std::string_view cause_of_refusal(Stage stage) {
  if (stage == Stage::kMail) return cause::kUpstreamRefusedSender;
  if (stage == Stage::kRcpt) return cause::kUpstreamRefusedRecipients;
  return cause::kUpstreamRefusedMessage;
}

std::string_view cause_of_deferral(Meaning meaning) {
  if (meaning == Meaning::kThrottled || meaning == Meaning::kConnections) {
    return cause::kUpstreamThrottled;
  }
  if (meaning == Meaning::kQuota) return cause::kUpstreamQuota;
  return cause::kUpstreamDeferred;
}

std::string_view cause_of_misconfiguration(const Attempt& attempt) {
  if (attempt.meaning == Meaning::kAccount || attempt.meaning == Meaning::kSender) {
    return cause::kUpstreamAccountRefused;
  }
  return attempt.stage == Stage::kTls ? cause::kUpstreamNotTrusted : cause::kUpstreamLoginRefused;
}

std::string_view cause_of_failure(const Attempt& attempt) {
  if (attempt.error.code == ErrorCode::kCancelled) return cause::kStopping;
  if (attempt.stage == Stage::kLease) return cause::kUpstreamBusy;
  if (attempt.error.code == ErrorCode::kNotFound) return cause::kUpstreamNotFound;
  if (attempt.error.code == ErrorCode::kTimeout) return cause::kUpstreamTimeout;
  if (attempt.stage <= Stage::kGreeting) return cause::kUpstreamUnreachable;
  return cause::kUpstreamLost;
}

}  // namespace

std::string_view cause_of(const Attempt& attempt) {
  switch (attempt.end) {
    case End::kAccepted:
      return {};
    case End::kRefused:
      return cause_of_refusal(attempt.stage);
    case End::kUnsuited:
      return cause::kUpstreamUnsuited;
    case End::kDeferred:
      return cause_of_deferral(attempt.meaning);
    case End::kMisconfigured:
      return cause_of_misconfiguration(attempt);
    case End::kFailed:
      return cause_of_failure(attempt);
    case End::kAbandoned:
      return cause::kClientGone;
    case End::kUnknown:
      return cause::kUpstreamNoFinalReply;
  }
  return {};
}

}  // namespace sallyport::relay
