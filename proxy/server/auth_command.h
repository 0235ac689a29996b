// `sallyport auth`: one login, tried by the sources of a configuration, with what each of them
// says.
#pragma once

#include "proxy/server/command_line.h"

namespace sallyport::server {

/// Reads the secret, asks everybody who may be asked, and prints what each says; never the secret.
/// kOk: the login would be let in.
ExitCode try_login(const AuthCommand& command);

}  // namespace sallyport::server
