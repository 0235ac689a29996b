// NOTE FROM THE LEAD (remove this line): this header is on main now; implement it, keep names, extend as needed.
// The envelope of one message: who sends it, who gets it (RFC 5321 section 2.3.1).
#pragma once

#include <cstdint>
#include <vector>

#include "proxy/smtp/command.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::message {

/// What MAIL and RCPT said. The envelope alone decides who gets the message, never its header.
struct Envelope {
  smtp::ReversePath reverse_path;
  std::vector<smtp::Mailbox> recipients;        ///< The forward-paths, in the order given.
  smtp::BodyType body = smtp::BodyType::k7bit;  ///< As MAIL declared it.
};

}  // namespace sallyport::message
