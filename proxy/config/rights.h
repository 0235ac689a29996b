// What users that come from elsewhere may do.
#pragma once

#include <vector>

#include "proxy/config/config.h"

namespace sallyport::config {

/// Gives a user that a source named what it may do: by the first `[[auth.user]]` with `match` that
/// its name matches, else by the first `[[auth.group]]` that it is in. What the source itself said
/// of senders stays; groups and labels are added to its own. False: no rule is for it.
bool give_rights(const std::vector<UserRule>& rules, const std::vector<UserRule>& group_rules,
                 const Limits& defaults, User& user);

}  // namespace sallyport::config
