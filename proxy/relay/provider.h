// What providers say in their own words: throttles, quotas and message ids are known by text, not
// by the class of a code (docs/providers.md). Data, and two functions over it.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/config/config.h"
#include "proxy/smtp/reply.h"

namespace sallyport::relay {

/// What a 4xx or 5xx reply means, where its code does not tell.
enum class Meaning : std::uint8_t {
  kPlain,        ///< What the code says.
  kThrottled,    ///< Too fast or too many at a time: soon again.
  kQuota,        ///< Used up for the hour, day or month.
  kCredentials,  ///< Our login is not accepted: the operator's fault.
  kPermanent,    ///< Will never be taken, though the code is 4xx.
};

/// Reads a reply of an upstream of this kind.
Meaning meaning_of(config::Provider provider, const smtp::Reply& reply);

/// Its id of the message, from the final 250; empty where the reply has none. Views the reply.
std::string_view message_id_in(config::Provider provider, const smtp::Reply& reply);

}  // namespace sallyport::relay
