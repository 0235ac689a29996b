// Why a message was not delivered, in one word: the field `cause` of the transaction's line in the
// log. docs/logging.md lists the words; a test holds that list against this file.
#pragma once

#include <string_view>

#include "proxy/relay/attempt.h"

namespace sallyport::relay {

namespace cause {

// Sallyport refused it at MAIL or at the end of the content. What is wrong with the content itself
// has the words of metrics::kUnfitNames.
inline constexpr std::string_view kSenderNotAllowed = "sender_not_allowed";
inline constexpr std::string_view kAuthorNotAllowed = "author_not_allowed";
inline constexpr std::string_view kRecipientsRefused = "recipients_refused";
inline constexpr std::string_view kUserLimit = "user_limit";
inline constexpr std::string_view kLimit = "limit";
inline constexpr std::string_view kTooLarge = "too_large";
inline constexpr std::string_view kNoBudget = "no_budget";
inline constexpr std::string_view kNoStorage = "no_storage";

// The client or sallyport ended the transaction before the end of the content.
inline constexpr std::string_view kClientReset = "client_reset";
inline constexpr std::string_view kClientQuit = "client_quit";
inline constexpr std::string_view kClientGone = "client_gone";
inline constexpr std::string_view kClientTimeout = "client_timeout";
inline constexpr std::string_view kSessionEnded = "session_ended";
inline constexpr std::string_view kStopping = "stopping";

// No upstream has the message.
inline constexpr std::string_view kNoUpstream = "no_upstream";
inline constexpr std::string_view kUpstreamBusy = "upstream_busy";
inline constexpr std::string_view kUpstreamNotFound = "upstream_not_found";
inline constexpr std::string_view kUpstreamUnreachable = "upstream_unreachable";
inline constexpr std::string_view kUpstreamNotTrusted = "upstream_not_trusted";
inline constexpr std::string_view kUpstreamLoginRefused = "upstream_login_refused";
inline constexpr std::string_view kUpstreamAccountRefused = "upstream_account_refused";
inline constexpr std::string_view kUpstreamUnsuited = "upstream_unsuited";
inline constexpr std::string_view kUpstreamThrottled = "upstream_throttled";
inline constexpr std::string_view kUpstreamQuota = "upstream_quota";
inline constexpr std::string_view kUpstreamDeferred = "upstream_deferred";
inline constexpr std::string_view kUpstreamTimeout = "upstream_timeout";
inline constexpr std::string_view kUpstreamLost = "upstream_lost";
inline constexpr std::string_view kUpstreamRefusedSender = "upstream_refused_sender";
inline constexpr std::string_view kUpstreamRefusedRecipients = "upstream_refused_recipients";
inline constexpr std::string_view kUpstreamRefusedMessage = "upstream_refused_message";
inline constexpr std::string_view kUpstreamNoFinalReply = "upstream_no_final_reply";

}  // namespace cause

/// Why this attempt did not deliver the message; empty if it did. A view of static text.
std::string_view cause_of(const Attempt& attempt);

}  // namespace sallyport::relay
