// Whom a field like From claims to speak for: RFC 5322 section 3.6.2, for every reader of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::message {

/// Every address that a reader, strict or lenient, could take from the value of a From, Sender,
/// Resent-From or Resent-Sender field: in angle brackets or not, in display names, quoted strings,
/// comments and encoded words, with and without what may stand between its parts. `value` is
/// folded or not. Where all of these belong to one user it does not matter how a reader reads it.
///
/// An "@" that no reader could take for the middle of an address (`Sales @ Acme`, `@acme`) is none.
///
/// kInvalid when the addresses cannot be told, or none is where a strict reader looks for it:
/// encoded words as parts of an address, quoted local parts with "@<>,", "%" and "!" routes, source
/// routes, control characters, angle brackets without an address. The text, to be put behind the
/// name of the field, says what is wrong.
Result<std::vector<smtp::Mailbox>> claimed_addresses(std::string_view value);

/// The value as it can be quoted in a reply: one line of printable ASCII, at most 100 octets.
std::string quotable(std::string_view value);

}  // namespace sallyport::message
