// What a reload changes, in a few words for its log line.
#pragma once

#include <string>

#include "proxy/server/snapshot.h"

namespace sallyport::server {

/// The parts of the configuration in which `after` differs from `before`, separated by commas:
/// "users,upstream ses,listener [::]:587". Tables with a name are named, also when they are new or
/// gone. Empty: nothing is different.
std::string changes(const Snapshot& before, const Snapshot& after);

}  // namespace sallyport::server
