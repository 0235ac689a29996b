#include "proxy/relay/cause.h"

#include <gtest/gtest.h>

#include <string_view>

namespace sallyport::relay {
namespace {

Attempt ended(End end, Stage stage, ErrorCode code = ErrorCode::kNetwork,
              Meaning meaning = Meaning::kPlain) {
  Attempt attempt = failure(stage, {code, "text"});
  attempt.end = end;
  attempt.meaning = meaning;
  return attempt;
}

TEST(Cause, IsOneWordForEachWayToFail) {
  struct Case {
    Attempt attempt;
    std::string_view cause;
  };
  const Case cases[] = {
      {ended(End::kAccepted, Stage::kEnd), ""},
      {ended(End::kRefused, Stage::kMail), cause::kUpstreamRefusedSender},
      {ended(End::kRefused, Stage::kRcpt), cause::kUpstreamRefusedRecipients},
      {ended(End::kRefused, Stage::kEnd), cause::kUpstreamRefusedMessage},
      {ended(End::kUnsuited, Stage::kMail), cause::kUpstreamUnsuited},
      {ended(End::kDeferred, Stage::kMail), cause::kUpstreamDeferred},
      {ended(End::kDeferred, Stage::kMail, {}, Meaning::kThrottled), cause::kUpstreamThrottled},
      {ended(End::kDeferred, Stage::kMail, {}, Meaning::kQuota), cause::kUpstreamQuota},
      {ended(End::kMisconfigured, Stage::kTls), cause::kUpstreamNotTrusted},
      {ended(End::kMisconfigured, Stage::kAuth), cause::kUpstreamLoginRefused},
      {ended(End::kMisconfigured, Stage::kMail, {}, Meaning::kSender),
       cause::kUpstreamAccountRefused},
      {ended(End::kAbandoned, Stage::kMail), cause::kClientGone},
      {ended(End::kFailed, Stage::kLease, ErrorCode::kTimeout), cause::kUpstreamBusy},
      {ended(End::kFailed, Stage::kConnect, ErrorCode::kNotFound), cause::kUpstreamNotFound},
      {ended(End::kFailed, Stage::kConnect), cause::kUpstreamUnreachable},
      {ended(End::kFailed, Stage::kConnect, ErrorCode::kTimeout), cause::kUpstreamTimeout},
      {ended(End::kFailed, Stage::kContent), cause::kUpstreamLost},
      {ended(End::kFailed, Stage::kContent, ErrorCode::kCancelled), cause::kStopping},
      {ended(End::kUnknown, Stage::kEnd), cause::kUpstreamNoFinalReply},
  };
  for (const Case& each : cases) EXPECT_EQ(cause_of(each.attempt), each.cause);
}

}  // namespace
}  // namespace sallyport::relay
