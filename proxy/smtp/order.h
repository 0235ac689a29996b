// What is legal when: the only place that knows the order of commands (RFC 5321 section 4.1.4,
// RFC 3030, RFC 3207, RFC 4954, RFC 6409).
#pragma once

#include <cstddef>
#include <optional>

#include "proxy/smtp/command.h"
#include "proxy/smtp/reply.h"

namespace sallyport::smtp {

/// What of a session matters for the order of commands.
struct SessionState {
  bool greeted = false;          ///< EHLO or HELO was accepted since the start or STARTTLS.
  bool extended = false;         ///< It was EHLO.
  bool tls = false;              ///< TLS is on.
  bool offers_starttls = false;  ///< The listener can do STARTTLS.
  bool requires_tls = true;      ///< False only on `tls = "none"` listeners.
  bool authenticated = false;
  bool has_reverse_path = false;  ///< A mail transaction is open.
  bool binary = false;            ///< It was opened with BODY=BINARYMIME.
  bool has_chunks = false;        ///< Content of it came by BDAT, and is to go on.
  std::size_t recipients = 0;     ///< Accepted forward-paths in it.
};

/// The reply that refuses `verb` in this state, or nullopt when it may proceed:
/// 503 5.5.1 out of order, 530 5.7.0 before TLS or AUTH, 538 5.7.11 AUTH without TLS, 554 5.5.1 no
/// recipients.
std::optional<Reply> check(const SessionState& state, Verb verb);

}  // namespace sallyport::smtp
