// What DNS says of a domain that mail is sent from: would receivers believe that it is its mail?
#pragma once

#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/doctor/report.h"
#include "proxy/doctor/texts.h"
#include "proxy/runtime/task.h"

namespace sallyport::doctor {

/// Looks at SPF, the DKIM selectors of the upstreams' providers, DMARC, MTA-STS and TLS-RPT of
/// `domain`, whose mail `upstreams` carry. Everything outlives the call.
runtime::Task<void> examine_domain(Texts& texts, std::string domain,
                                   std::vector<const config::Upstream*> upstreams, Report& report);

}  // namespace sallyport::doctor
