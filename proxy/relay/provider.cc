#include "proxy/relay/provider.h"

#include <algorithm>
#include <array>
#include <string>

#include "proxy/base/ascii.h"

namespace sallyport::relay {
namespace {

using config::Provider;

struct Pattern {
  Provider provider;
  std::string_view text;  // anywhere in the reply, without regard to case
  Meaning meaning;
};

// The first that fits decides. `kSmtp` rows are replies of hosts that have no preset: they are
// distinct enough to be looked for in what any smarthost says.
constexpr std::array kPatterns = {
    Pattern{Provider::kSes, "Daily message quota exceeded", Meaning::kQuota},
    Pattern{Provider::kSes, "Throttling failure", Meaning::kThrottled},
    Pattern{Provider::kSes, "Maximum sending rate exceeded", Meaning::kThrottled},
    Pattern{Provider::kSes, "Too many concurrent SMTP connections", Meaning::kThrottled},
    Pattern{Provider::kSendgrid, "Maximum credits exceeded", Meaning::kQuota},
    Pattern{Provider::kSendgrid, "exceeded your messaging limits", Meaning::kQuota},
    Pattern{Provider::kSendgrid, "Unauthenticated senders not allowed", Meaning::kCredentials},
    Pattern{Provider::kMailgun, "recipient limit exceeded", Meaning::kThrottled},
    Pattern{Provider::kMailgun, "Too many requests", Meaning::kThrottled},
    Pattern{Provider::kSmtp, "Peak SMTP relay limit exceeded", Meaning::kThrottled},
    Pattern{Provider::kSmtp, "Daily SMTP relay limit exceeded", Meaning::kQuota},
    Pattern{Provider::kSmtp, "Daily user sending limit exceeded", Meaning::kQuota},
    Pattern{Provider::kSmtp, "Concurrent connections limit exceeded", Meaning::kThrottled},
    Pattern{Provider::kSmtp, "SubmissionQuotaExceeded", Meaning::kQuota},
    Pattern{Provider::kSmtp, "Basic authentication is not supported", Meaning::kCredentials},
    Pattern{Provider::kSmtp, "The given data was invalid", Meaning::kPermanent},
};

// RFC 4954 section 6 and RFC 3207 section 4: whoever hears these has not said who it is, in the
// way the server wants. It is our login they speak of, never the client's.
constexpr std::array kCredentialCodes = {530, 534, 535, 538};

struct IdPattern {
  Provider provider;
  std::string_view before;  // the id is the word after it
};

constexpr std::array kIdPatterns = {
    IdPattern{Provider::kSes, "Ok "},
    IdPattern{Provider::kSendgrid, "queued as "},
    IdPattern{Provider::kSmtp, "queued as "},  // Postfix, Brevo, Mailjet, MailerSend
    IdPattern{Provider::kSmtp, "id="},         // Exim
    IdPattern{Provider::kSmtp, "Ok: "},        // another sallyport
    IdPattern{Provider::kCapture, "captured as "},
};

std::size_t find(std::string_view text, std::string_view wanted) {
  const auto found = std::ranges::search(
      text, wanted, {}, [](char c) { return ascii::to_lower(c); },
      [](char c) { return ascii::to_lower(c); });
  return found.empty() ? std::string_view::npos
                       : static_cast<std::size_t>(found.begin() - text.begin());
}

std::string_view word_at(std::string_view text) {
  return text.substr(0, std::min(text.find_first_of(" \t;,"), text.size()));
}

}  // namespace

Meaning meaning_of(Provider provider, const smtp::Reply& reply) {
  for (const Pattern& pattern : kPatterns) {
    if (pattern.provider != provider) continue;
    const bool fits = std::ranges::any_of(reply.lines, [&](const std::string& line) {
      return find(line, pattern.text) != std::string_view::npos;
    });
    if (fits) return pattern.meaning;
  }
  return std::ranges::find(kCredentialCodes, reply.code) != kCredentialCodes.end()
             ? Meaning::kCredentials
             : Meaning::kPlain;
}

std::string_view message_id_in(Provider provider, const smtp::Reply& reply) {
  for (const IdPattern& pattern : kIdPatterns) {
    if (pattern.provider != provider) continue;
    for (const std::string_view line : reply.lines) {
      const std::size_t at = find(line, pattern.before);
      if (at != std::string_view::npos) return word_at(line.substr(at + pattern.before.size()));
    }
  }
  return {};
}

}  // namespace sallyport::relay
