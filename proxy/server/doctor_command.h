// `sallyport doctor`.
#pragma once

#include "proxy/server/command_line.h"

namespace sallyport::server {

/// Examines upstreams and sender domains and prints what it found. kFailure: there is a fault.
ExitCode examine(const DoctorCommand& command);

}  // namespace sallyport::server
