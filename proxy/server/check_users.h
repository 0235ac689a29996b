// `sallyport check --users FILE`.
#pragma once

#include <string>

#include "proxy/server/command_line.h"

namespace sallyport::server {

/// Says everything that is wrong with a users file, whatever configuration it belongs to; that a
/// name is in both is not known here.
ExitCode check_users(const std::string& path);

}  // namespace sallyport::server
