#include "proxy/relay/commands.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "proxy/relay/suited.h"

namespace sallyport::relay {
namespace {

void append_mailbox(const smtp::Mailbox& mailbox, std::string& commands) {
  commands += mailbox.local;
  // RFC 5321 section 4.1.1.3: Postmaster is the one recipient without a domain.
  if (!mailbox.domain.empty()) commands.append("@").append(mailbox.domain);
}

/// By what the content is, not by what the client called it: a message that was declared as
/// BINARYMIME or 8BITMIME and isn't goes wherever plain ones go.
void append_body(const message::Message& message, std::string& commands) {
  if (message.is_binary) {
    commands += " BODY=BINARYMIME";
  } else if (message.has_8bit) {
    commands += " BODY=8BITMIME";
  }
}

// RFC 3461 section 5.2.1: towards an upstream that offers DSN the parameters go on as they came,
// and none is made up. Section 5.2.2: towards one that does not, none is said. The rest of that
// section is for who has taken charge of a message and must report on it later. We never have: the
// client hears in the same transaction what the upstream said, so a "failed" notification (c, f)
// would tell it twice. A "relayed" one (b) is owed to who asked for NOTIFY=SUCCESS; we send no mail
// of our own, the 250 with the upstream's words stands for it. NOTIFY=NEVER is lost (d): an empty
// reverse-path in its place would turn away providers that look for a verified sender there.

void append_notify(const smtp::Notify& notify, std::string& commands) {
  if (notify == smtp::Notify{}) return;
  commands += " NOTIFY=";
  if (notify.never) {
    commands += "NEVER";
    return;
  }
  std::string_view separator;
  const auto append = [&](bool wanted, std::string_view keyword) {
    if (!wanted) return;
    commands.append(separator).append(keyword);
    separator = ",";
  };
  append(notify.success, "SUCCESS");
  append(notify.failure, "FAILURE");
  append(notify.delay, "DELAY");
}

void append_dsn(const smtp::MailParameters& said, std::string& commands) {
  if (said.ret) commands += *said.ret == smtp::Ret::kFull ? " RET=FULL" : " RET=HDRS";
  if (!said.envid.empty()) commands.append(" ENVID=").append(said.envid);
}

}  // namespace

void append_mail(const message::Message& message, const Connection& connection,
                 std::string& commands, std::uint64_t added) {
  const smtp::Capabilities& offered = connection.capabilities;
  const smtp::MailParameters& said = message.envelope.parameters;
  commands += "MAIL FROM:<";
  if (const auto& mailbox = message.envelope.reverse_path.mailbox) {
    append_mailbox(*mailbox, commands);
  }
  commands += '>';
  if (offered.has_size) {
    fmt::format_to(std::back_inserter(commands), " SIZE={}", message.size() + added);
  }
  append_body(message, commands);
  if (uses_smtputf8(message, offered)) commands += " SMTPUTF8";
  if (said.require_tls) commands += " REQUIRETLS";
  if (offered.dsn) append_dsn(said, commands);
  // RFC 6710 section 4.3: who does not know priorities is not told any, and the message goes
  // nevertheless: a priority is a wish.
  if (offered.mt_priority && said.mt_priority) {
    fmt::format_to(std::back_inserter(commands), " MT-PRIORITY={}", int{*said.mt_priority});
  }
  // RFC 4954 section 5: said to an upstream that we have authenticated to. How far the client is
  // trusted with it was for the session to decide.
  if (connection.authenticated && !said.auth.empty()) commands.append(" AUTH=").append(said.auth);
  commands += "\r\n";
}

void append_rcpt(const message::Recipient& recipient, const smtp::Capabilities& offered,
                 std::string& commands) {
  commands += "RCPT TO:<";
  append_mailbox(recipient.forward_path, commands);
  commands += '>';
  if (offered.dsn) {
    append_notify(recipient.parameters.notify, commands);
    if (!recipient.parameters.orcpt.empty()) {
      commands.append(" ORCPT=").append(recipient.parameters.orcpt);
    }
  }
  commands += "\r\n";
}

}  // namespace sallyport::relay
