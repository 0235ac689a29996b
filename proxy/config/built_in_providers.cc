// The provider files of proxy/relay/providers, as the build compiled them in. They are read by the
// functions that read [[provider]], once, when first asked for; the tests of this room read them,
// too, so a file with a fault does not get into a build.
#include "proxy/config/built_in_providers.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "proxy/config/provider.h"
#include "proxy/config/read_provider.h"

namespace sallyport::config {
namespace {

struct BuiltIn {
  std::vector<std::shared_ptr<const Provider>> providers;
  std::vector<ReplyRule> common;
};

/// A fault in a file that is compiled in is a fault of the build.
[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "sallyport: a built-in provider file is wrong: %s\n", what.c_str());
  std::abort();
}

BuiltIn read() {
  BuiltIn built_in;
  for (const ProviderFile& file : provider_files()) {
    const auto document = parse_toml(file.text);
    if (!document) refuse(fmt::format("{}: {}", file.name, document.error().what));
    Problems problems{std::string(file.name)};
    const Section section(*document, "", schema::kProvider, problems);
    if (file.name == "common.toml") {
      built_in.common = read_reply_rules(section);
    } else {
      Provider provider = read_provider(section, {});
      provider.capture = provider.name == "capture";
      built_in.providers.push_back(std::make_shared<const Provider>(std::move(provider)));
    }
    if (!problems.empty()) refuse(std::move(problems).take().front().str());
  }
  return built_in;
}

const BuiltIn& built_in() {
  static const BuiltIn value = read();
  return value;
}

}  // namespace

std::span<const std::shared_ptr<const Provider>> built_in_providers() {
  return built_in().providers;
}

std::shared_ptr<const Provider> built_in_provider(std::string_view name) {
  for (const auto& provider : built_in().providers) {
    if (provider->name == name) return provider;
  }
  return nullptr;
}

std::span<const ReplyRule> common_reply_rules() { return built_in().common; }

}  // namespace sallyport::config
