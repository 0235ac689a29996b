// The domains that mail is sent from, and the upstreams that may carry their mail, as far as a
// configuration tells.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "proxy/config/config.h"

namespace sallyport::doctor {

struct SenderDomain {
  std::string name;                    ///< In lower case, without a dot at its end.
  std::vector<std::size_t> upstreams;  ///< Indices into Config::upstreams.

  bool operator==(const SenderDomain&) const = default;
};

/// The domains of all sender patterns of users and routes, in the order of their names, and those
/// of `more`. A pattern for subdomains (`*@*.example.com`) stands for the domain above them.
std::vector<SenderDomain> sender_domains(const config::Config& config,
                                         const std::vector<std::string>& more);

}  // namespace sallyport::doctor
