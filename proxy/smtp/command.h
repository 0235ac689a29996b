// SMTP commands, from a line to a value. RFC 5321 section 4.1, RFC 4954, RFC 3207, RFC 3030; the
// parameters of MAIL and RCPT: RFC 1870, 3030, 3461, 4954, 6152, 6531, 6533, 6710 and 8689.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/smtp/extensions.h"
#include "proxy/smtp/mailbox.h"
#include "proxy/smtp/reply.h"

namespace sallyport::smtp {

enum class Verb : std::uint8_t {
  kEhlo,
  kHelo,
  kStarttls,
  kAuth,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kVrfy,
  kExpn,
  kHelp,
  kQuit,
  kUnknown,
};

/// The verb's name in upper case, for logs and metrics.
std::string_view name(Verb verb);

/// A command line cut in two; `arguments` is what follows the verb and one space, and views the
/// line.
struct CommandLine {
  Verb verb = Verb::kUnknown;
  std::string_view arguments;
};

/// Cuts a line (without its CRLF). Unknown verbs are a value: the session answers 500 and counts.
/// Of a line with a fault its beginning will do to tell the verb. BDAT is one even when no space
/// stands behind it: octets may follow whatever its sender took for its end.
CommandLine split_command(std::string_view line);

/// How the content is declared by BODY= (RFC 6152; BINARYMIME: RFC 3030).
enum class BodyType : std::uint8_t { k7bit, k8bitmime, kBinarymime };

/// How much of the message a failure notice is to return (RFC 3461 section 4.3).
enum class Ret : std::uint8_t { kFull, kHeaders };

/// What NOTIFY= asks for (RFC 3461 section 4.1). `never` stands alone; nothing set: not said.
struct Notify {
  bool never = false;
  bool success = false;
  bool failure = false;
  bool delay = false;

  bool operator==(const Notify&) const = default;
};

/// What MAIL says behind the reverse-path. Texts are kept in the form they had on the wire (xtext,
/// RFC 3461 section 4), so that they go on as they came.
struct MailParameters {
  std::optional<std::uint64_t> size;  ///< RFC 1870: a promise, not a fact.
  BodyType body = BodyType::k7bit;
  bool smtputf8 = false;                   ///< RFC 6531.
  bool require_tls = false;                ///< RFC 8689.
  std::optional<Ret> ret;                  ///< RFC 3461.
  std::optional<std::int8_t> mt_priority;  ///< RFC 6710: -9 to 9.
  std::string envid;                       ///< RFC 3461 section 4.4; empty: not said.
  std::string auth;                        ///< RFC 4954 section 5, or "<>"; empty: not said.

  bool operator==(const MailParameters&) const = default;
};

/// What RCPT says behind the forward-path.
struct RcptParameters {
  Notify notify;
  std::string orcpt;  ///< RFC 3461 section 4.2: `type;xtext`; empty: not said.

  bool operator==(const RcptParameters&) const = default;
};

struct AuthCommand {
  std::string mechanism;  ///< In upper case.
  std::optional<std::string>
      initial_response;  ///< Still base64; "=" stands for the empty response.
};

/// RFC 3030 section 2.
struct BdatCommand {
  std::uint64_t size = 0;  ///< Octets that follow the command line at once.
  bool last = false;       ///< The message ends with them.

  bool operator==(const BdatCommand&) const = default;
};

struct MailCommand {
  ReversePath reverse_path;
  MailParameters parameters;
};

struct RcptCommand {
  Mailbox forward_path;
  RcptParameters parameters;
};

/// A value, or the reply that refuses the command (501 5.5.4, 501 5.1.7, 555 5.5.4, ...).
template <class T>
using Parse = std::expected<T, Reply>;

/// The name that EHLO or HELO says, made fit for replies and Received fields. Clients say whatever
/// their computer is called (`Front Desk Printer`, `BÜRO-PC`), and nothing is decided by it: only
/// an empty name, one over 255 octets and one with a control character are refused. An IPv6
/// literal gets the tag that it lacks; in all other names each character that cannot stand in a
/// Received field, or is beyond ASCII, becomes a "?".
Parse<std::string> parse_ehlo(std::string_view arguments);
Parse<AuthCommand> parse_auth(std::string_view arguments);
/// `FROM:<reverse-path> [parameters]`. Parameters of extensions that are not `offered` are unknown,
/// and refused like repeated ones. A path beyond ASCII wants SMTPUTF8 among its parameters,
/// wherever that stands: 553 5.6.7.
Parse<MailCommand> parse_mail(std::string_view arguments, ExtensionSet offered);
/// `TO:<forward-path> [parameters]`. Whether the path may go beyond ASCII was said by MAIL.
Parse<RcptCommand> parse_rcpt(std::string_view arguments, ExtensionSet offered, bool smtputf8);
/// `SIZE [LAST]`. Whoever refuses it must mind that octets may follow that are no commands.
Parse<BdatCommand> parse_bdat(std::string_view arguments);
/// DATA, RSET, STARTTLS and QUIT take no arguments.
Parse<void> parse_no_arguments(std::string_view arguments);

}  // namespace sallyport::smtp
