// The texts of the provider files. The build generates the source of `provider_files` from
// proxy/relay/providers.
#pragma once

#include <span>
#include <string_view>

namespace sallyport::config {

/// A file of proxy/relay/providers: its name without the folder, and what it says.
struct ProviderFile {
  std::string_view name;
  std::string_view text;
};

/// All of them, in the order of their names.
std::span<const ProviderFile> provider_files();

}  // namespace sallyport::config
