// May this user use this address? The envelope's reverse-path and the author in the header are both
// held against the user's `senders` patterns. Pure functions: a user and an address in, a reply
// out.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "proxy/config/config.h"
#include "proxy/smtp/mailbox.h"
#include "proxy/smtp/reply.h"

namespace sallyport::policy {

/// The reply that refuses MAIL, or nullopt when the user may use this reverse-path: `550 5.7.1 user
/// billing may not send as x@y: …`. A user without patterns may use any, the null one too;
/// otherwise the null reverse-path needs the pattern `<>` or `*`. The patterns themselves are not
/// told: they would tell whoever stole a password what it is good for.
std::optional<smtp::Reply> check_reverse_path(const config::User& user,
                                              const smtp::ReversePath& reverse_path);

/// The reply that refuses a message for the addresses of a field that names an author, or nullopt
/// when all of them are the user's: From (RFC 5322 section 3.6.2), Sender, Resent-From and
/// Resent-Sender, each field of them for itself. A From: field of somebody else is not made right
/// by a Resent-From: of one's own, for it is From: that people see. `field` is quoted: name, colon
/// and value, in a form that is fit for a reply.
std::optional<smtp::Reply> check_author(const config::User& user, std::string_view field,
                                        std::span<const smtp::Mailbox> addresses);

/// The reply for a message whose author cannot be told, which a user with patterns may not send:
/// `550 5.7.1 user billing may not send this message: it has no From: field`.
smtp::Reply refuse_unknown_author(const config::User& user, std::string_view reason);

}  // namespace sallyport::policy
