// `sallyport send`.
#pragma once

#include "proxy/server/command_line.h"

namespace sallyport::server {

/// Sends one message and prints each step with its time. kFailure: it was not delivered.
ExitCode send(const SendCommand& command);

}  // namespace sallyport::server
