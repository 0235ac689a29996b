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

/// The same for the mailboxes of the From: field (RFC 5322 section 3.6.2), all of which must be the
/// user's. For a user with patterns an empty list is refused: a From: that cannot be read would
/// slip by a check that other software on the way may read differently.
///
/// So are the mailboxes of Sender, Resent-From and Resent-Sender, of each that a message has: a
/// From: field of somebody else is not made right by a Resent-From: of one's own, for it is From:
/// that people see. `field` is the name of the one that is checked.
///
/// A quoted local part is compared as it is written, so `"a"@b` does not pass for `a@b`.
std::optional<smtp::Reply> check_author(const config::User& user, std::string_view field,
                                        std::span<const smtp::Mailbox> mailboxes);

}  // namespace sallyport::policy
