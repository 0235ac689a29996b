// Whom a message claims to be from, held against what its user may claim: RFC 6409 section 6.1.
#pragma once

#include <optional>

#include "proxy/config/config.h"
#include "proxy/message/header_filter.h"
#include "proxy/smtp/reply.h"

namespace sallyport::submission {

/// The reply that refuses this message, or nullopt when every field that names an author (From,
/// which must be there, and Sender, Resent-From, Resent-Sender) names addresses of the user's own.
std::optional<smtp::Reply> judge_authors(const config::User& user,
                                         const message::HeaderFilter& header);

}  // namespace sallyport::submission
