// Provider files, and [[provider]] of the configuration: the same keys, read by the same functions.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "proxy/config/provider.h"
#include "proxy/config/section.h"

namespace sallyport::config {

/// Reads the keys of a provider on top of `base`. Its rules come before those of `base`.
Provider read_provider(const Section& section, Provider base);

/// Reads the `[[reply]]` tables of `section`.
std::vector<ReplyRule> read_reply_rules(const Section& section);

/// The providers an [[upstream]] may name: those that are compiled in, as [[provider]] of the
/// configuration changed them, and those that it added.
class Providers {
 public:
  /// Reads the [[provider]] tables of `top`.
  explicit Providers(const Section& top);

  /// Null if there is none of this name.
  std::shared_ptr<const Provider> find(std::string_view name) const;
  /// The names, in order.
  std::vector<std::string_view> names() const;

 private:
  std::vector<std::shared_ptr<const Provider>> all_;
};

}  // namespace sallyport::config
