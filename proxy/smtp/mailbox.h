// Addresses of the envelope: RFC 5321 section 4.1.2. Sans-I/O: text in, values out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::smtp {

/// `local@domain`, valid by construction and strict RFC 5321 when it comes from `parse_mailbox`,
/// `parse_reverse_path` or `parse_forward_path`, whatever form it had there. The local part is in
/// its normal form (base/local_part.h): quoted only where it must be. The domain is kept as
/// written, but for a trailing dot; an address literal keeps its brackets.
struct Mailbox {
  std::string local;
  std::string domain;

  /// `local@domain`, as it goes on the wire between `<` and `>`; `Postmaster` alone has no domain.
  std::string str() const { return domain.empty() ? local : local + '@' + domain; }
  bool operator==(const Mailbox&) const = default;
};

/// The reverse-path of MAIL: a mailbox, or none for the null reverse-path `<>`.
struct ReversePath {
  std::optional<Mailbox> mailbox;

  /// `local@domain`, or nothing for the null reverse-path; without the angle brackets.
  std::string str() const { return mailbox ? mailbox->str() : std::string(); }
  bool operator==(const ReversePath&) const = default;
};

/// Parses `local@domain` whole. As Postfix and Exim do, it takes what the grammar of RFC 5321
/// section 4.1.2 forbids and real senders write: dots in odd places of the local part, "_" in the
/// domain and a dot at its end. The path may have 256 octets (section 4.5.3.1.3), the domain 255,
/// the local part what is left: its limit of 64 octets is the least that must be taken, and longer
/// ones are in use. `allow_utf8` admits the UTF-8 of RFC 6531. The error text names what is wrong.
Result<Mailbox> parse_mailbox(std::string_view text, bool allow_utf8 = false);

/// What is left of a command's arguments after a path: a value and the rest of the text.
template <class T>
struct Parsed {
  T value;
  std::string_view rest;
};

/// Parses `<local@domain>` or `<>` at the front of `text`; a source route is accepted and dropped
/// (RFC 5321 appendix C). A path without angle brackets is taken where it ends at a space or the
/// end of the text; the null path needs its brackets.
Result<Parsed<ReversePath>> parse_reverse_path(std::string_view text, bool allow_utf8 = false);

/// The same for a forward-path: never empty, but `<Postmaster>` is allowed (RFC 5321
/// section 4.1.1.3), with brackets or without, and gives an empty domain.
Result<Parsed<Mailbox>> parse_forward_path(std::string_view text, bool allow_utf8 = false);

}  // namespace sallyport::smtp
