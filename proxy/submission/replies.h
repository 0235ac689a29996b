// Every reply whose text is ours, in one place. Fixed replies are kept in their form on the wire,
// so that sending them formats and allocates nothing. Codes: RFC 5321 section 4.2.3; enhanced
// codes: RFC 3463 with RFC 4954 section 6, absent where RFC 2034 section 4 excludes them (220, 334,
// 354).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/message/envelope.h"
#include "proxy/smtp/line_buffer.h"
#include "proxy/smtp/reply.h"

namespace sallyport::submission::replies {

/// A reply as it goes on the wire, CRLF included.
using Wire = std::string_view;

// Greeting, order and errors.
inline constexpr Wire kOk = "250 2.0.0 Ok\r\n";
inline constexpr Wire kBye = "221 2.0.0 Bye\r\n";
inline constexpr Wire kHelp =
    "214 2.0.0 EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n";
// RFC 5321 section 3.5.3: we relay, so we cannot know.
inline constexpr Wire kCannotVerify =
    "252 2.5.0 Cannot VRFY user, but will accept message and attempt delivery\r\n";
inline constexpr Wire kNoExpn = "502 5.5.1 EXPN is not offered here\r\n";
inline constexpr Wire kUnknownCommand = "500 5.5.2 Command not recognized\r\n";
inline constexpr Wire kLineTooLong = "500 5.5.2 Line too long\r\n";
inline constexpr Wire kBareCr = "500 5.5.2 Lines end with CRLF: this one has a bare CR\r\n";
inline constexpr Wire kBareLf = "500 5.5.2 Lines end with CRLF: this one has a bare LF\r\n";
inline constexpr Wire kNul = "500 5.5.2 This line has a NUL\r\n";
inline constexpr Wire kContentBehindRefusedData =
    "421 4.7.0 Content was sent behind a DATA that was refused, closing connection\r\n";
inline constexpr Wire kTooManyErrors = "421 4.7.0 Too many errors, closing connection\r\n";
inline constexpr Wire kTooManyBeforeLogin =
    "421 4.7.0 Too many commands without authentication, closing connection\r\n";
inline constexpr Wire kTooManyIdleCommands =
    "421 4.7.0 Too many commands without a message, closing connection\r\n";
inline constexpr Wire kTooManyConnections = "421 4.7.0 Too many connections, try again later\r\n";

// Clients that speak another protocol. In RFC 5321 section 3.8 only 421 announces that the server
// closes the connection, and after it a mail client that connected here by mistake tries again
// (section 4.2.5). A client that sends before the greeting gets 554 (section 3.1), because a second
// attempt would fail in the same way.
inline constexpr Wire kNotHttp =
    "421 4.7.0 This port speaks SMTP, not HTTP; closing connection\r\n";
inline constexpr Wire kNotTlsYet =
    "421 4.7.0 This port begins without TLS: say STARTTLS first; closing connection\r\n";
inline constexpr Wire kNoProxyHeaderHere =
    "421 4.7.0 No PROXY header is expected here; closing connection\r\n";
inline constexpr Wire kEarlyTalker =
    "554 5.5.1 You spoke before our greeting; closing connection\r\n";

// TLS: RFC 3207.
inline constexpr Wire kReadyForTls = "220 2.0.0 Ready to start TLS\r\n";
inline constexpr Wire kCommandsBehindStarttls =
    "554 5.5.1 Commands were sent behind STARTTLS, closing connection\r\n";

// AUTH: RFC 4954.
inline constexpr Wire kAuthenticated = "235 2.7.0 Authentication successful\r\n";
inline constexpr Wire kBadCredentials = "535 5.7.8 Authentication credentials invalid\r\n";
inline constexpr Wire kAuthCancelled = "501 5.7.0 Authentication cancelled\r\n";
inline constexpr Wire kBadBase64 = "501 5.5.2 Not valid base64\r\n";
inline constexpr Wire kResponseTooLong = "500 5.5.6 Authentication exchange line is too long\r\n";
inline constexpr Wire kNoSuchMechanism = "504 5.5.4 Authentication mechanism not offered\r\n";
inline constexpr Wire kTooManyAuthFailures =
    "421 4.7.0 Too many failed authentications, closing connection\r\n";

/// `421 4.7.0 …; try again in N s`: too many logins were wrong, and none is looked at meanwhile.
std::string barred(Duration left);

// The login no longer holds: the users were reloaded since.
inline constexpr Wire kUserRemoved = "421 4.7.0 Your user was removed, closing connection\r\n";
inline constexpr Wire kPasswordChanged =
    "421 4.7.0 Your password was changed, log in again; closing connection\r\n";

inline constexpr Wire kTokenEnded =
    "421 4.7.0 Your token has expired, log in again; closing connection\r\n";

// The mail transaction.
inline constexpr Wire kSenderOk = "250 2.1.0 Sender ok\r\n";
inline constexpr Wire kRecipientOk = "250 2.1.5 Recipient ok\r\n";
// RFC 5321 section 4.5.3.1.10: clients send the rest in another transaction.
inline constexpr Wire kTooManyRecipients = "452 4.5.3 Too many recipients in one transaction\r\n";
inline constexpr Wire kStartMailInput = "354 Start mail input; end with <CRLF>.<CRLF>\r\n";

// RFC 9422 section 4: the count is of one connection, so another one is what helps.
inline constexpr Wire kTooManyTransactions =
    "421 4.7.0 Too many messages on one connection, open another one\r\n";

inline constexpr Wire kTooOld =
    "421 4.7.0 This connection has been open for too long, open another one\r\n";

/// `220 HOSTNAME ESMTP`.
std::string greeting(std::string_view hostname);
/// `421 4.3.2 HOSTNAME is shutting down`.
std::string shutting_down(std::string_view hostname);
/// `421 4.4.2 HOSTNAME …`: the client was silent for too long.
std::string timed_out(std::string_view hostname);
/// `421 4.7.0 HOSTNAME …`: the client did not authenticate in time.
std::string no_login(std::string_view hostname);
/// `334 ` and the challenge in base64.
std::string challenge(std::string_view text);
/// `501 5.5.2`: the response does not have the mechanism's form.
std::string malformed_response(std::string_view reason);
/// `454 4.7.0`: the credentials cannot be checked now.
std::string auth_unavailable(std::string_view reason);
/// `250 2.0.0`: a chunk of this many octets was taken, and the message goes on.
std::string chunk_received(std::uint64_t size);
/// `552 5.3.4`, with the limit that SIZE names.
smtp::Reply too_large(std::uint64_t limit);
/// `554 5.6.0`: the content has a bare CR or LF, which is never mended.
smtp::Reply bare_line_end();
/// `554 5.6.0`: the content has a NUL.
smtp::Reply nul_in_content();
/// `554 5.4.6`: the message came through too many servers (RFC 5321 section 6.3).
smtp::Reply mail_loop(std::uint32_t hops, std::uint32_t most);
/// `554 5.5.3`: the transaction has recipients that heard 452 4.5.3 because they are more than
/// `most`. Not transient: the same message can't succeed, and some clients try again for ever.
smtp::Reply too_many_recipients(std::string_view id, std::uint64_t most, std::uint64_t beyond);
/// `554 5.1.0`: the transaction has recipients that were refused at RCPT, `first` of them with this
/// reply.
smtp::Reply recipients_refused(std::string_view id, std::uint64_t refused, std::uint64_t all,
                               std::string_view first);
/// `554 5.6.0`: this line, counted from 1, is no header field and stands where one should.
smtp::Reply broken_header(std::uint64_t line);
/// `550 5.6.0`: RFC 5322 section 3.6 wants one From field.
smtp::Reply several_authors(std::uint32_t fields);
/// `552 5.3.4`: the header section alone is too large.
smtp::Reply header_too_large(std::uint64_t limit);
/// `452 4.3.1`: the budget for message content is used up.
smtp::Reply no_budget();
/// `452 4.3.1`: the user has announced as much content as one user may before it comes.
smtp::Reply too_much_announced();
/// `452 4.3.1`: the file system, or the process, has no room for the content's file.
smtp::Reply no_room();
/// `451 4.3.0`: the content could not be written to its file, for a reason that time may not mend.
smtp::Reply no_storage();

/// The reply to a line that could not be taken; none for `kLine` and `kPartial`.
Wire for_fault(smtp::LineBuffer::State state);

/// The code of a reply.
int code(Wire reply);
/// What replies in the transaction of `envelope` may be written in: RFC 6531 section 3.7.4.
inline smtp::ReplyText text_for(const message::Envelope& envelope) {
  return envelope.parameters.smtputf8 ? smtp::ReplyText::kUtf8 : smtp::ReplyText::kAscii;
}

/// A reply as one line with its codes, for the log.
std::string text(const smtp::Reply& reply);
/// The same of a fixed one.
inline std::string_view text(Wire reply) { return reply.substr(0, reply.find('\r')); }

}  // namespace sallyport::submission::replies
