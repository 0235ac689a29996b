// The control side of a running sallyport: starts the workers, reloads, drains.
#pragma once

#include <string>

#include "proxy/server/command_line.h"

namespace sallyport::server {

/// `sallyport run`: serves by the config at `path` until a signal ends it. Problems of the config
/// go to standard error, everything after to the log.
ExitCode run(const std::string& path);

}  // namespace sallyport::server
