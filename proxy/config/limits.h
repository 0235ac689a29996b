// How much a user may send, and the labels a user has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/config/rate.h"

namespace sallyport::config {

/// `limits` of a user, or `[limits]` for users that set none. Unset means unlimited.
struct Limits {
  std::optional<Rate> messages;
  std::optional<Rate> recipients;
  std::optional<Rate> bytes;
  std::optional<std::uint32_t> connections;  ///< At one time.

  bool operator==(const Limits&) const = default;
};

/// `labels` of a user, or what a route asks of them: a name and its value.
struct Label {
  std::string name;
  std::string value;

  bool operator==(const Label&) const = default;
};

}  // namespace sallyport::config
