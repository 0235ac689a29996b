// What the replies of an upstream mean: throttles, quotas and message ids are known by text, not by
// the class of a code. The rules are data of config::Provider; here they are applied.
#pragma once

#include <span>
#include <string_view>

#include "proxy/config/provider.h"
#include "proxy/relay/stage.h"
#include "proxy/smtp/reply.h"

namespace sallyport::relay {

using config::Meaning;

/// What the client brought that an upstream may echo: addresses of the envelope, for example. It is
/// taken out of a reply before its text is compared. Views what the caller keeps.
using Echo = std::span<const std::string_view>;

/// A meaning, and the rule it follows from; no rule: the code alone decided.
struct Reading {
  Meaning meaning = Meaning::kPlain;
  const config::ReplyRule* rule = nullptr;  ///< Lives as long as the provider.
};

/// Reads a reply to the command of `stage`: by the rules of `provider`, then those for every
/// provider, then by its code.
Reading read_reply(const config::Provider& provider, Stage stage, const smtp::Reply& reply,
                   Echo echo = {});

/// The provider's id of the message, from the final reply; empty where the reply has none. Views
/// the reply.
std::string_view message_id_in(const config::Provider& provider, const smtp::Reply& reply);

}  // namespace sallyport::relay
