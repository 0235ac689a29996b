// `sallyport providers` and `sallyport explain`: what is known of providers and their replies.
#pragma once

#include "proxy/server/command_line.h"

namespace sallyport::server {

/// Prints a line for each provider, or all that is known of the one that is named.
ExitCode print_providers(const ProvidersCommand& command);

/// Prints what a reply means, by which rule, what is done with the message and what the client
/// hears.
ExitCode explain_reply(const ExplainCommand& command);

}  // namespace sallyport::server
