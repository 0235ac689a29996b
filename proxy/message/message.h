// What the session hands to the relay: the envelope and the whole content.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/message/body.h"
#include "proxy/message/envelope.h"

namespace sallyport::message {

/// A message that was received whole. Lines end in CRLF; dots are not stuffed.
struct Message {
  std::string id;  ///< Our transaction id: in Received, in replies, in the log.
  Envelope envelope;
  Body body;  ///< Our trace fields as its prefix, then the content as submitted, less Bcc fields.
  std::string message_id;  ///< The Message-ID of the header, ours or the client's; may be empty.
  bool has_8bit = false;   ///< The content has an octet above 127.
  /// The header section has one: only SMTPUTF8 allows that (RFC 6532).
  bool has_8bit_header = false;
  /// The content has a NUL, or a CR or LF that is not part of a CRLF: only BDAT of a BINARYMIME
  /// message can carry it (RFC 3030). Never true of what came by DATA.
  bool is_binary = false;

  /// A line of the body behind the prefix may begin with a dot. False only where a ContentDecoder
  /// saw that none does: whoever encodes it for DATA need not look again.
  bool may_have_dotted_line = true;

  /// The fields of the header section that routes look at, as the client sent them.
  std::vector<config::HeaderField> watched_fields = {};

  /// Octets that the upstream gets.
  std::uint64_t size() const { return body.size(); }
};

}  // namespace sallyport::message
