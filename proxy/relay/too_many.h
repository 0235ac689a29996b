// What upstreams say when we have more connections to them than they allow.
#pragma once

#include "proxy/relay/attempt.h"

namespace sallyport::relay {

/// The attempt ended, before any recipient was named, in a reply that may mean that the upstream
/// has too many connections of ours at one time: 421 in place of a greeting, or words to that
/// effect, whatever the code. "Too many in a period of time" is not meant: fewer at a time would
/// not help.
bool says_too_many_connections(const Attempt& attempt);

}  // namespace sallyport::relay
