// The pages /limits and /limits/reset of the admin socket.
#pragma once

#include "proxy/admin/endpoint.h"
#include "proxy/base/log.h"
#include "proxy/policy/ledger.h"

namespace sallyport::server {

/// Every count of `[[limit]]` that is not empty. Its parameters are `subject` and `format` (`json`,
/// or text). `ledger` outlives it.
admin::Page limits_page(const policy::LocalLedger& ledger);

/// Forgets what `subject` has used, of `limit` or of all. 404: there is no such count. It is
/// logged. `ledger` and `logger` outlive it.
admin::Page limits_reset_page(policy::LocalLedger& ledger, log::Logger& logger);

}  // namespace sallyport::server
