// `sallyport trace`.
#pragma once

#include "proxy/server/command_line.h"

namespace sallyport::server {

/// Asks a running sallyport what became of messages, and prints it. kFailure: it runs not, or knows
/// of no such message.
ExitCode print_trace(const TraceCommand& command);

}  // namespace sallyport::server
