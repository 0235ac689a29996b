// The conditions of a route: each a pure function of what it looks at.
#pragma once

#include <string_view>

#include "proxy/config/config.h"
#include "proxy/relay/delivery.h"
#include "proxy/relay/router.h"
#include "proxy/smtp/mailbox.h"

namespace sallyport::relay {

/// The condition of a route that does not hold, by its key in the configuration; empty: all do.
/// First those that are known at MAIL.
std::string_view unmet_by_sender(const config::Route& route, const smtp::ReversePath& reverse_path,
                                 const Caller& caller);
/// Then those that only a message can meet.
std::string_view unmet_by_message(const config::Route& route, const Traits& traits);
/// Does the route look at more than what is known at MAIL?
bool needs_message(const config::Route& route);

}  // namespace sallyport::relay
