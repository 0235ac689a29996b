// The page /trace of the admin socket: what became of the last messages.
#pragma once

#include "proxy/admin/endpoint.h"
#include "proxy/trace/recent.h"

namespace sallyport::server {

/// Its parameters are `id`, `message_id`, `user`, `to` and `last`, and `format` (`json`, or text).
/// 404 says why nothing was found. `recent` outlives it.
admin::Page trace_page(const trace::Recent& recent);

}  // namespace sallyport::server
