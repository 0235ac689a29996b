// EHLO's answer: what we offer, and what an upstream offers. RFC 5321 section 4.1.1.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/smtp/extensions.h"
#include "proxy/smtp/reply.h"

namespace sallyport::smtp {

/// LIMITS (RFC 9422); 0: not said.
struct Limits {
  std::uint64_t mail_max = 0;  ///< Mail transactions of one connection.
  std::uint64_t rcpt_max = 0;  ///< Recipients of one mail transaction.

  bool operator==(const Limits&) const = default;
};

/// Service extensions, as advertised by one side of one connection.
struct Capabilities {
  bool pipelining = false;
  bool eight_bit_mime = false;
  bool enhanced_status_codes = false;
  bool starttls = false;
  bool chunking = false;               ///< RFC 3030.
  bool binary_mime = false;            ///< RFC 3030: of use only together with CHUNKING.
  bool smtputf8 = false;               ///< RFC 6531.
  bool dsn = false;                    ///< RFC 3461.
  bool require_tls = false;            ///< RFC 8689.
  bool mt_priority = false;            ///< RFC 6710; its profile, if one was named, is not kept.
  bool has_size = false;               ///< SIZE was advertised, with or without a number.
  std::uint64_t size = 0;              ///< The number; 0: none said.
  Limits limits = {};                  ///< RFC 9422.
  std::vector<std::string> auth = {};  ///< Mechanisms in upper case, in the order said.

  bool offers_auth(std::string_view mechanism) const;
  bool operator==(const Capabilities&) const = default;
};

/// Reads the 250 reply to EHLO; keywords without regard to case, unknown ones skipped; the obsolete
/// form `AUTH=LOGIN PLAIN` counts as AUTH.
Capabilities parse_capabilities(const Reply& ehlo);

/// Forgets what is offered and not in `usable`, as if EHLO had not shown it. STARTTLS and AUTH
/// stay.
void withhold(Capabilities& offered, const ExtensionSet& usable);

/// The 250 reply to a client's EHLO: the host name with a greeting, then one line a capability.
Reply ehlo_reply(std::string_view hostname, std::string_view client, const Capabilities& offered);

}  // namespace sallyport::smtp
