// When an upstream that defers a message wants it again, if its words say so. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace sallyport::relay {

/// The time that words like "try again in 5 minutes", "retry after 30 seconds" or "Retry-After: 30"
/// ask for, without a unit in seconds; nothing if there are none, or for more than a day.
std::optional<std::chrono::seconds> retry_after(std::string_view text);

}  // namespace sallyport::relay
