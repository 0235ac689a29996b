// The header fields that we add: Received (RFC 5321 section 4.4, RFC 3848), Date and Message-ID
// when the client gave none (RFC 6409 section 8), and those that a listener's rules say.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/message/header_filter.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::message {

/// What a Received field tells. The authenticated user is not among it: recipients need not know.
struct Trace {
  std::string_view ehlo_name;    ///< As the client said it; what could break the field is replaced.
  std::string_view client_ip;    ///< A literal without brackets.
  std::string_view tls_version;  ///< "TLSv1.3"; empty: no TLS.
  std::string_view tls_cipher;   ///< By its IANA name.
  std::string_view hostname;     ///< Our name.
  std::string_view message_id_domain = {};  ///< Of the Message-ID; empty: `hostname`.
  bool hide_client = false;                 ///< `ehlo_name` and `client_ip` are kept to ourselves.
  bool extended = true;                     ///< The client said EHLO.
  bool authenticated = true;
  bool smtputf8 = false;  ///< MAIL said SMTPUTF8.
  std::string_view id;    ///< Our transaction id.
  const smtp::Mailbox* only_recipient =
      nullptr;  ///< Named only if there is no other: a `for` must not give away Bcc recipients.
  WallTime now;
};

/// The whole Received field, folded, with its CRLF. RFC 5321 section 4.4 wants a client named: one
/// to be hidden is called `client.invalid`, a name that nobody has (RFC 6761 section 6.4).
std::string received_field(const Trace& trace);

/// The fields to put before a message with these facts: Received, how many others were taken out,
/// Date and Message-ID if they are missing, then `added`. They go to the top so that what the
/// client sent stays byte for byte.
std::string trace_fields(const Trace& trace, const HeaderFacts& facts,
                         std::span<const config::HeaderField> added = {});

/// The Message-ID that `trace_fields` gives to a message without one: `<id@domain>`.
std::string message_id(const Trace& trace);

/// The date-time of RFC 5322 section 3.3, in UTC: "Tue, 14 Nov 2023 22:13:20 +0000".
std::string date_time(WallTime time);

/// The protocol of RFC 3848: SMTP, ESMTP, ESMTPS, ESMTPA or ESMTPSA; with SMTPUTF8 those of RFC
/// 6531 section 4.3, UTF8SMTP and so on.
std::string_view with_protocol(const Trace& trace);

}  // namespace sallyport::message
