// The message that `sallyport send` sends.
#pragma once

#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/message/budget.h"
#include "proxy/message/message.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::server {

/// The address that mail of `user` may be from: the first of its patterns that is one address, or
/// `sallyport-test` at the first domain; without patterns, and without a user, at `hostname`.
std::string sender_for(const config::User* user, const std::string& hostname);

/// A short message that says what it is. The budget outlives it; kInvalid says which address is
/// none.
Result<message::Message> make_test_message(const std::string& from, const std::string& to,
                                           const std::string& hostname, WallTime now,
                                           message::Budget& budget,
                                           const message::Storage& storage);

}  // namespace sallyport::server
