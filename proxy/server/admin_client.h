// The other end of the admin socket: what commands ask a running sallyport.
#pragma once

#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace sallyport::server {

/// What it answered.
struct AdminAnswer {
  int status = 0;
  std::string body;
};

/// Gets `target` ("/trace?id=…") from the process that listens at the socket `path`. Blocks, at
/// most `patience`. kNotFound: no process listens there; the text says what to do.
Result<AdminAnswer> ask_admin(const std::string& path, const std::string& target,
                              Duration patience = std::chrono::seconds(10));

/// `text` with everything but letters, digits and `-._~` escaped, for a query (RFC 3986).
std::string escaped(std::string_view text);

}  // namespace sallyport::server
