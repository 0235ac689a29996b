#include "proxy/relay/suited.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "proxy/relay/added_fields.h"

namespace sallyport::relay {
namespace {

using message::Message;
using smtp::Reply;

/// One thing that a message may need of an upstream: the refusal, if it isn't there.
using Check = std::optional<Reply> (*)(const Message& message, const Connection& connection,
                                       const config::Upstream& upstream);

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_ascii(const smtp::Mailbox& mailbox) {
  return is_ascii(mailbox.local) && is_ascii(mailbox.domain);
}

bool has_ascii_reverse_path(const message::Envelope& envelope) {
  const auto& mailbox = envelope.reverse_path.mailbox;
  return !mailbox || is_ascii(*mailbox);
}

/// Where ORCPT is passed on it counts too: its address may be written in UTF-8 (RFC 6533 section
/// 3).
bool has_ascii_recipients(const message::Envelope& envelope, const smtp::Capabilities& offered) {
  return std::ranges::all_of(envelope.recipients, [&](const message::Recipient& recipient) {
    return is_ascii(recipient.forward_path) &&
           (!offered.dsn || is_ascii(recipient.parameters.orcpt));
  });
}

/// RFC 8689 section 4.2.1. Section 5 would not have a bounce dropped for this, but none is dropped:
/// who submits it with REQUIRETLS hears why it doesn't go, and may leave that word out.
std::optional<Reply> check_require_tls(const Message& message, const Connection& connection,
                                       const config::Upstream& upstream) {
  if (!message.envelope.parameters.require_tls) return std::nullopt;
  if (connection.verified_tls && connection.capabilities.require_tls) return std::nullopt;
  return Reply(550, {5, 7, 30},
               fmt::format("The message wants REQUIRETLS, and upstream {} {}", upstream.name,
                           connection.verified_tls ? "does not offer it" : "has no TLS"));
}

/// RFC 1870 section 6.1; what the operator knows of the upstream counts as well.
std::optional<Reply> check_size(const Message& message, const Connection& connection,
                                const config::Upstream& upstream) {
  const std::uint64_t offered = connection.capabilities.size;
  const std::uint64_t configured = upstream.max_message_size;
  const std::uint64_t limit = configured == 0 || offered == 0 ? std::max(configured, offered)
                                                              : std::min(configured, offered);
  const std::uint64_t size = message.size() + most_added(upstream, message);
  if (limit == 0 || size <= limit) return std::nullopt;
  return Reply(552, {5, 3, 4},
               fmt::format("The message has {} octets, and upstream {} takes {}", size,
                           upstream.name, limit));
}

/// RFC 3030 section 3: binary content must not go to who does not offer BINARYMIME. Of the three
/// ways out named there we take the last, a permanent error: to encode the parts anew would break
/// every signature over them, and the client has them and can do it better.
std::optional<Reply> check_binary(const Message& message, const Connection& connection,
                                  const config::Upstream& upstream) {
  const smtp::Capabilities& offered = connection.capabilities;
  if (!message.is_binary || (offered.binary_mime && offered.chunking)) return std::nullopt;
  return Reply(554, {5, 6, 1},
               fmt::format("The message has binary content, and upstream {} does not offer "
                           "BINARYMIME: send it as base64",
                           upstream.name));
}

/// RFC 6152 section 3: as RFC 3030 has it for binary. 5.6.3: the content would have to be converted
/// to go on, and we don't (RFC 3463 section 3.7). BINARYMIME, where it is used, allows 8-bit too.
std::optional<Reply> check_8bit(const Message& message, const Connection& connection,
                                const config::Upstream& upstream) {
  if (!message.has_8bit || message.is_binary || connection.capabilities.eight_bit_mime) {
    return std::nullopt;
  }
  return Reply(554, {5, 6, 3},
               fmt::format("The message has 8-bit content, and upstream {} does not offer "
                           "8BITMIME: send it as quoted-printable or base64",
                           upstream.name));
}

/// RFC 6531 section 3.5: an internationalized message must not go to who does not offer SMTPUTF8;
/// the codes are those that MAIL, RCPT and the end of DATA would have been refused with. A message
/// whose client said SMTPUTF8 for nothing goes anywhere: many clients say it always.
///
/// An 8-bit header section makes a message internationalized only if its client said SMTPUTF8;
/// otherwise it is one of the many that are older than RFC 6532, and 8BITMIME has to do. The header
/// fields of MIME parts inside the body are not looked at (section 3.6 does not ask for it).
std::optional<Reply> check_smtputf8(const Message& message, const Connection& connection,
                                    const config::Upstream& upstream) {
  const message::Envelope& envelope = message.envelope;
  if (!envelope.parameters.smtputf8 || connection.capabilities.smtputf8) return std::nullopt;
  const auto refusal = [&](int code, smtp::EnhancedCode status, std::string_view what) {
    return Reply(
        code, status,
        fmt::format("{} not ASCII, and upstream {} does not offer SMTPUTF8", what, upstream.name));
  };
  if (!has_ascii_reverse_path(envelope)) return refusal(550, {5, 6, 7}, "The reverse-path is");
  if (!has_ascii_recipients(envelope, connection.capabilities)) {
    return refusal(553, {5, 6, 7}, "A recipient's address is");
  }
  if (message.has_8bit_header) return refusal(554, {5, 6, 9}, "The header section is");
  return std::nullopt;
}

/// One attempt is one upstream transaction: whether the recipients are shared out over several is
/// decided by the session (`session.overflow`). The reply is transient because the limit is learned
/// now: when the message comes again, it is kept to at RCPT.
Reply too_many(const Message& message, const config::Upstream& upstream, std::uint64_t limit) {
  return Reply(452, {4, 5, 3},
               fmt::format("{} not sent: it has {} recipients, and upstream {} takes {} at a time",
                           message.id, message.envelope.recipients.size(), upstream.name, limit));
}

/// RFC 9422 section 4.
std::optional<Reply> check_recipients(const Message& message, const Connection& connection,
                                      const config::Upstream& upstream) {
  const std::uint64_t limit = connection.capabilities.limits.rcpt_max;
  if (limit == 0 || message.envelope.recipients.size() <= limit) return std::nullopt;
  return too_many(message, upstream, limit);
}

// What can never be taken comes first: it is the truer answer.
constexpr Check kChecks[] = {check_require_tls, check_size,     check_binary,
                             check_8bit,        check_smtputf8, check_recipients};

Attempt unsuited(Stage stage, Reply reply) {
  Attempt attempt;
  attempt.end = End::kUnsuited;
  attempt.stage = stage;
  attempt.reply = std::move(reply);
  return attempt;
}

}  // namespace

std::optional<Attempt> check_suited(const Message& message, const Connection& connection,
                                    const config::Upstream& upstream) {
  for (const Check check : kChecks) {
    if (auto reply = check(message, connection, upstream)) {
      return unsuited(Stage::kMail, std::move(*reply));
    }
  }
  return std::nullopt;
}

Attempt too_many_recipients(const Message& message, const config::Upstream& upstream,
                            std::uint64_t limit) {
  return unsuited(Stage::kRcpt, too_many(message, upstream, limit));
}

bool uses_smtputf8(const Message& message, const smtp::Capabilities& offered) {
  const message::Envelope& envelope = message.envelope;
  return offered.smtputf8 && envelope.parameters.smtputf8 &&
         (message.has_8bit || !has_ascii_reverse_path(envelope) ||
          !has_ascii_recipients(envelope, offered));
}

}  // namespace sallyport::relay
