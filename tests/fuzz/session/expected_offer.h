// Which extensions EHLO must show, and which the parameters of MAIL and RCPT belong to, by the RFCs
// and disabled_extensions of docs/configuration.md. A part of the oracle: shares no code with the
// gateway.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::fuzz {

/// How a listener does TLS.
enum class Tls { kNone, kStarttls, kImplicit };

/// Keywords of EHLO, in upper case.
using Keywords = std::set<std::string>;

/// What EHLO must show, no more and no less.
Keywords expected_offer(Tls tls, bool encrypted, bool authenticated,
                        const std::vector<std::string>& disabled);

/// The keywords in the lines of an EHLO reply, behind the first, which greets.
Keywords keywords_of(std::string_view reply);

/// A command line of MAIL or RCPT that was taken, apart.
struct Envelope {
  std::string path;                          ///< With its angle brackets, if it has them.
  std::vector<std::string> parameters = {};  ///< In upper case, NAME or NAME=VALUE.

  explicit Envelope(std::string_view line);
  bool has(std::string_view parameter) const;
};

/// The keyword of the extension that knows this parameter of MAIL, or else of RCPT; empty: none.
std::string keyword_for(std::string_view parameter, bool mail);

}  // namespace sallyport::fuzz
