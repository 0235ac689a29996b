// An outside of the tests' own: files and variables by name, and a machine with a proper name.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/load.h"

namespace sallyport::config {

/// What a test puts around the text it loads.
struct FakeOutside {
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> variables;
  std::optional<std::string> host_name = "gate.example.com";

  /// Refers to this object, which must outlive what it gives.
  Outside outside() const {
    return {.read_file = [this](const std::string& path) -> Result<std::string> {
              const auto file = files.find(path);
              if (file == files.end()) return fail(ErrorCode::kSystem, "No such file or directory");
              return file->second;
            },
            .environment = [this](const std::string& name) -> std::optional<std::string> {
              const auto variable = variables.find(name);
              if (variable == variables.end()) return std::nullopt;
              return variable->second;
            },
            .readable = {},
            .host_name = [this] { return host_name; }};
  }
};

/// A hash as `sallyport hash-password` makes it.
inline constexpr std::string_view kHash =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsbHlwb3J0LXNhbHQ$"
    "WmZlvrSoaR9/8vU6bo4PXCbqfxjwnV2vZVcFp6sKn1g";

/// The files that kListener and the documentation's examples name.
FakeOutside usual_outside();

/// `text`, followed by those of the tables every config needs that it does not have itself: a
/// listener, a user, an upstream. So a case shows only what it is about, at the line it says.
std::string completed(std::string_view text);

/// Every problem with `completed(text)` in `c.toml`, as a person sees them; "accepted" if there is
/// none.
std::vector<std::string> problems_of(std::string_view text,
                                     const FakeOutside& outside = usual_outside());

/// The Config of `completed(text)`; a test failure, and an empty one, if there are problems.
Config accepted(std::string_view text, const FakeOutside& outside = usual_outside());

}  // namespace sallyport::config
