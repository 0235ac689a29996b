// Passwords that commands read.
#pragma once

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace sallyport::server {

/// Reads a password: from a terminal twice and without echo, else the first line of standard input.
/// Never from the command line, which other users of the machine can read.
Result<Secret> read_password();

/// The same for a password that is in use: a terminal is asked for it once.
Result<Secret> read_known_password();

}  // namespace sallyport::server
