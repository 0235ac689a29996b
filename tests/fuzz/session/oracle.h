// What a submission session may answer and deliver, worked out anew from RFC 5321, RFC 3207, RFC
// 4954, RFC 3030 and the PROXY protocol, from what docs/configuration.md says of a listener, and
// from the conversation alone. Shares no code with the gateway: where the two disagree, one of them
// is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/session/expected_message.h"
#include "tests/fuzz/session/expected_offer.h"

namespace sallyport::fuzz {

/// A message that the session handed on.
struct Delivered {
  std::string trace;    ///< The fields that the session put before it.
  std::string content;  ///< What was submitted, as it was handed on.
  std::size_t recipients = 0;
};

/// What is configured where the client came in.
struct Entrance {
  Tls tls = Tls::kNone;
  bool compat = false;                     ///< Bare CRs and LFs in content by DATA are mended.
  bool is_proxy = false;                   ///< Who connects there must begin with a PROXY header.
  std::vector<std::string> disabled = {};  ///< Keywords of EHLO, in upper case.
  HeaderWork header = {};
};

/// A whole conversation, from the first octet to the end of the connection.
struct Conversation {
  std::string_view said;  ///< By the client, in order: PROXY header, commands, content, TLS hellos.
  std::vector<std::size_t> flights;  ///< Where in `said` each part ends that was sent at one time.
  std::string_view heard;  ///< By the client, in order: replies, the server's part of handshakes.
  std::vector<Delivered> delivered;  ///< In order.
  Entrance entrance;
  std::string_view socket_ip;  ///< Where the connection comes from: an IPv4 address.
  std::uint64_t max_size = 0;  ///< Octets of a message.
  std::size_t max_errors = 0;  ///< Refused commands before the session may hang up.
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
