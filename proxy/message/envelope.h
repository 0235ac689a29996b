// Who a message is from and to, as the SMTP transaction says it: RFC 5321 section 2.3.1.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/smtp/command.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::message {

/// The envelope of one mail transaction: what MAIL and RCPT said.
struct Envelope {
  smtp::ReversePath reverse_path;
  std::vector<smtp::Mailbox> recipients;  ///< Forward-paths accepted, in order.
  smtp::BodyType body = smtp::BodyType::k7bit;
  std::optional<std::uint64_t> declared_size;  ///< SIZE= of MAIL; a promise, not a fact.
};

}  // namespace sallyport::message
