// The address lists of header fields: RFC 5322 section 3.4, with the obsolete forms of section 4.4.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::message {

/// The mailboxes of an address list, those in groups too, in order. `value` is the value of a
/// field, folded or not. Display names, comments and encoded words are skipped; a local part that
/// is quoted without need comes back without its quotes.
///
/// Lenient about display names (dots, raw UTF-8), strict about everything that could make another
/// reader see another address: kInvalid, with what is wrong, rather than a guess.
Result<std::vector<smtp::Mailbox>> parse_address_list(std::string_view value);

}  // namespace sallyport::message
