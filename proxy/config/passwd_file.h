// Password files as other programs have them: htpasswd, Dovecot's passwd-file, smtprelay's list of
// users. One user a line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/place.h"
#include "proxy/config/section.h"

namespace sallyport::config {

/// A user of a password file, and where the name stands in it.
struct PasswdEntry {
  User user;
  Place place;
};

/// Reads the lines of `text`; empty ones and those that begin with "#" say nothing. What is wrong
/// with a line goes to `problems` and the line is left out. A password is never quoted.
///
/// - kHtpasswd: `name:hash`.
/// - kDovecot: `name:{SCHEME}hash:uid:gid:gecos:home:shell:extra`, of which name and hash are read,
///   and of the extra fields `allow_nets` (networks with commas between them).
/// - kSmtprelay: `name hash senders`, the senders with commas between them: an address, or
///   `@domain` for all of one.
std::vector<PasswdEntry> read_passwd(std::string_view text, PasswdFormat format,
                                     Problems& problems);

}  // namespace sallyport::config
