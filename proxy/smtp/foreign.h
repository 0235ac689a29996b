// Clients that speak something else: told by how a line begins, before a word of it is obeyed.
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::smtp {

/// What a client speaks that does not speak SMTP.
enum class Foreign : std::uint8_t {
  kNone,  ///< SMTP, or nothing we know.
  kHttp,  ///< A request line, or a header field: of a scanner, or of a browser that somebody made
          ///< post SMTP commands to us.
  kTls,   ///< A TLS record where the connection is in clear.
};

/// What `octets`, which stand where a command line begins, are. They need not be the whole line: no
/// command of SMTP, known or unknown, begins in these ways.
Foreign foreign_protocol(std::string_view octets);

}  // namespace sallyport::smtp
