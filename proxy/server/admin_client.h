// The other end of the admin socket: what commands ask a running sallyport.
#pragma once

#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/server/command_line.h"

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

/// Gets `target` from the socket `path`, or if that is empty from the one that `config` names, and
/// prints the answer. kFailure: it said no, or could not be asked.
ExitCode print_answer(const std::string& path, const std::string& config,
                      const std::string& target);

/// `text` with everything but letters, digits and `-._~` escaped, for a query (RFC 3986).
std::string escaped(std::string_view text);

}  // namespace sallyport::server
