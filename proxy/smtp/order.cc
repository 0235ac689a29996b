// The order of commands is data: each verb names what it needs, each need says how it is tested and
// how a command that lacks it is refused. A new verb is a row.
#include "proxy/smtp/order.h"

#include <cstdint>
#include <iterator>

namespace sallyport::smtp {
namespace {

/// One bit each, in the order in which they are tested: of several needs that are not met, the one
/// that tells the client what to do next comes first.
enum Need : std::uint16_t {
  kNoTlsYet = 1u << 0,
  kStarttlsOffered = 1u << 1,
  kTls = 1u << 2,
  kTlsToAuthenticate = 1u << 3,
  kGreeting = 1u << 4,
  kExtendedGreeting = 1u << 5,
  kAuthentication = 1u << 6,
  kNoAuthenticationYet = 1u << 7,
  kNoTransaction = 1u << 8,
  kTransaction = 1u << 9,
  kNoChunks = 1u << 10,
  kLines = 1u << 11,
  kRecipients = 1u << 12,
};

struct NeedRule {
  Need need;
  bool (*is_met)(const SessionState&);
  int code;
  EnhancedCode status;
  const char* text;
};

constexpr EnhancedCode kInvalidCommand{5, 5, 1};
constexpr EnhancedCode kSecurity{5, 7, 0};
constexpr EnhancedCode kEncryptionNeeded{5, 7, 11};

bool has_tls(const SessionState& state) { return state.tls || !state.requires_tls; }

constexpr NeedRule kNeeds[] = {
    {kNoTlsYet, [](const SessionState& state) { return !state.tls; }, 503, kInvalidCommand,
     "TLS is already on"},
    {kStarttlsOffered, [](const SessionState& state) { return state.offers_starttls; }, 502,
     kInvalidCommand, "STARTTLS is not offered here"},
    // RFC 3207 section 4: everything but NOOP, EHLO, STARTTLS and QUIT.
    {kTls, has_tls, 530, kSecurity, "Must issue a STARTTLS command first"},
    // RFC 4954 section 6.
    {kTlsToAuthenticate, has_tls, 538, kEncryptionNeeded,
     "Encryption required for requested authentication mechanism"},
    {kGreeting, [](const SessionState& state) { return state.greeted; }, 503, kInvalidCommand,
     "Say EHLO first"},
    {kExtendedGreeting, [](const SessionState& state) { return state.extended; }, 503,
     kInvalidCommand, "Say EHLO first, not HELO"},
    // RFC 4954 section 6: everything but AUTH, EHLO, HELO, NOOP, RSET and QUIT.
    {kAuthentication, [](const SessionState& state) { return state.authenticated; }, 530, kSecurity,
     "Authentication required"},
    {kNoAuthenticationYet, [](const SessionState& state) { return !state.authenticated; }, 503,
     kInvalidCommand, "Already authenticated"},
    {kNoTransaction, [](const SessionState& state) { return !state.has_reverse_path; }, 503,
     kInvalidCommand, "Not during a mail transaction: end it or say RSET first"},
    {kTransaction, [](const SessionState& state) { return state.has_reverse_path; }, 503,
     kInvalidCommand, "Say MAIL first"},
    // RFC 3030 section 2: DATA and BDAT are not mixed, and the envelope is closed by either.
    {kNoChunks, [](const SessionState& state) { return !state.has_chunks; }, 503, kInvalidCommand,
     "Not between the chunks of a message: send the rest by BDAT or say RSET"},
    // RFC 3030 section 3.
    {kLines, [](const SessionState& state) { return !state.binary; }, 503, kInvalidCommand,
     "BODY=BINARYMIME needs BDAT"},
    // RFC 5321 section 3.3 allows 554 here, and RFC 2920 section 3.1 wants DATA to fail then.
    {kRecipients, [](const SessionState& state) { return state.recipients > 0; }, 554,
     kInvalidCommand, "No valid recipients"},
};

struct VerbRule {
  Verb verb;
  std::uint16_t needs;
};

constexpr VerbRule kVerbs[] = {
    {Verb::kEhlo, 0},
    {Verb::kHelo, 0},
    // RFC 3207 section 4.
    {Verb::kStarttls,
     kNoTlsYet | kStarttlsOffered | kGreeting | kExtendedGreeting | kNoTransaction},
    // RFC 4954 section 4: once, and not during a mail transaction.
    {Verb::kAuth,
     kTlsToAuthenticate | kGreeting | kExtendedGreeting | kNoAuthenticationYet | kNoTransaction},
    {Verb::kMail, kTls | kGreeting | kAuthentication | kNoTransaction},
    {Verb::kRcpt, kTls | kGreeting | kAuthentication | kTransaction | kNoChunks},
    {Verb::kData,
     kTls | kGreeting | kAuthentication | kTransaction | kNoChunks | kLines | kRecipients},
    {Verb::kBdat, kTls | kGreeting | kAuthentication | kTransaction | kRecipients},
    {Verb::kRset, kTls},
    {Verb::kNoop, 0},
    {Verb::kVrfy, kTls | kAuthentication},
    {Verb::kExpn, kTls | kAuthentication},
    {Verb::kHelp, 0},
    {Verb::kQuit, 0},
    {Verb::kUnknown, 0},
};

constexpr bool rows_stand_in_the_order_of_their_verbs() {
  for (std::size_t i = 0; i < std::size(kVerbs); ++i) {
    if (static_cast<std::size_t>(kVerbs[i].verb) != i) return false;
  }
  return std::size(kVerbs) == static_cast<std::size_t>(Verb::kUnknown) + 1;
}
static_assert(rows_stand_in_the_order_of_their_verbs());

}  // namespace

std::optional<Reply> check(const SessionState& state, Verb verb) {
  const std::uint16_t needs = kVerbs[static_cast<std::size_t>(verb)].needs;
  for (const NeedRule& rule : kNeeds) {
    if ((needs & rule.need) != 0 && !rule.is_met(state)) {
      return Reply(rule.code, rule.status, rule.text);
    }
  }
  return std::nullopt;
}

}  // namespace sallyport::smtp
