// Regions of providers whose host names are made of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/config/provider.h"

namespace sallyport::config {

/// Why `host` is probably a misspelt one of `provider`: the region in it is none that was known
/// when this was built. Providers open new ones, so it is no error.
std::optional<std::string> doubt_about_region(const Provider& provider, std::string_view host);

}  // namespace sallyport::config
