// `sallyport explain --user NAME --from ADDRESS --to ADDRESS`: which route a message takes, and
// why.
#pragma once

#include <string>

#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/server/command_line.h"

namespace sallyport::server {

/// For each route of `config` up to the one that the message takes, which condition does not hold;
/// then its upstreams in the order in which they are asked. The error says which argument cannot be
/// read.
Result<std::string> explain_route(const config::Config& config, const ExplainRouteCommand& command);

/// Reads the configuration and prints that.
ExitCode print_route(const ExplainRouteCommand& command);

}  // namespace sallyport::server
