// Whom a message claims to be from, held against what its user may claim: RFC 6409 section 6.1.
#pragma once

#include <optional>

#include "proxy/config/config.h"
#include "proxy/message/header_filter.h"
#include "proxy/smtp/reply.h"

namespace sallyport::submission {

/// The reply that refuses this message, or nullopt when each field that names an author (From,
/// which must be there, and Sender, Resent-From, Resent-Sender) holds an address and none that is
/// not the user's own, whatever reads it. Users without patterns may send as anybody.
std::optional<smtp::Reply> check_authors(const config::User& user,
                                         const message::HeaderFilter& header);

}  // namespace sallyport::submission
