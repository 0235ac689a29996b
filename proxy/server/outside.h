// What lies outside a configuration, as the server has it.
#pragma once

#include "proxy/config/load.h"

namespace sallyport::server {

/// config::Outside::real(), which can hash passwords, too. A password has one hash as long as the
/// process lives: a reload must not end the sessions of its user.
config::Outside real_outside();

}  // namespace sallyport::server
