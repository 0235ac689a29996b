// `sallyport limits`.
#pragma once

#include "proxy/server/command_line.h"

namespace sallyport::server {

/// Asks a running sallyport what is used of its `[[limit]]` tables, or has it forget what a subject
/// used. kFailure: it runs not, or there is nothing to forget.
ExitCode print_limits(const LimitsCommand& command);

}  // namespace sallyport::server
