// Who a message is from and to, as the SMTP transaction says it: RFC 5321 section 2.3.1.
#pragma once

#include <vector>

#include "proxy/smtp/command.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::message {

/// One recipient: what RCPT said.
struct Recipient {
  smtp::Mailbox forward_path;
  smtp::RcptParameters parameters = {};
};

/// The envelope of one mail transaction: what MAIL and RCPT said.
struct Envelope {
  smtp::ReversePath reverse_path;
  smtp::MailParameters parameters;
  std::vector<Recipient> recipients;  ///< Those accepted, in order.
};

}  // namespace sallyport::message
