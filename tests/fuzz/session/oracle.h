// What a submission session may answer and deliver, worked out anew from RFC 5321, RFC 3207, RFC
// 4954 and RFC 3030 and from the conversation alone. Shares no code with the gateway: where the two
// disagree, one of them is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::fuzz {

/// A message that the session handed on.
struct Delivered {
  std::string trace;    ///< The fields that the session put before it.
  std::string content;  ///< What was submitted, as it was handed on.
  std::size_t recipients = 0;
};

/// A whole conversation, from the first octet to the end of the connection.
struct Conversation {
  std::string_view said;   ///< By the client, in order: commands, content, hellos of TLS.
  std::string_view heard;  ///< By the client, in order: replies, the server's part of handshakes.
  std::vector<Delivered> delivered;  ///< In order.
  bool starttls = false;             ///< The listener wants STARTTLS; else it needs no TLS.
  bool compat = false;               ///< It mends bare LFs in content that comes by DATA.
  std::uint64_t max_size = 0;        ///< Octets of a message.
  std::size_t max_errors = 0;        ///< Refused commands before the session may hang up.
};

/// How TLS looks in a conversation: the client's hello, at once answered by the server's.
struct Hellos {
  std::string_view client;
  std::string_view server;
};

/// Aborts, and says why, unless each command got its one reply, each message is one that CRLF "."
/// CRLF or BDAT framed, and all of those were delivered that were accepted.
void judge(const Conversation& conversation, const Hellos& hellos);

}  // namespace sallyport::fuzz
