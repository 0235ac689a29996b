// disabled_extensions: what the clients of a [[listener]] are not to use, and what we do not use of
// an [[upstream]].
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "proxy/base/ascii.h"
#include "proxy/config/forms.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

// By the keywords of EHLO. STARTTLS is missing because `tls` decides about it, and AUTH because no
// mail can be sent without it.
constexpr auto kExtensions = std::to_array<std::string_view>(
    {"8BITMIME", "BINARYMIME", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES", "LIMITS", "MT-PRIORITY",
     "PIPELINING", "REQUIRETLS", "SIZE", "SMTPUTF8"});

/// A keyword, in whatever case; read as it is written above.
Form<std::string> extension_form() {
  return {.expected = "an extension: " + list(kExtensions, '"', "or"),
          .read = [](const Node& node) -> std::expected<std::string, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (!text) return std::unexpected("");
            const auto known = std::ranges::find_if(kExtensions, [&](std::string_view keyword) {
              return ascii::equals_ignoring_case(keyword, *text);
            });
            if (known == kExtensions.end()) return std::unexpected("");
            return std::string(*known);
          }};
}

}  // namespace

std::vector<std::string> read_disabled_extensions(const Section& section) {
  std::vector<Element<std::string>> read;
  section.read_list("disabled_extensions", read, extension_form());
  std::vector<std::string> disabled;
  for (auto& element : read) {
    if (std::ranges::find(disabled, element.value) != disabled.end()) {
      section.problems().add(
          element.place, fmt::format("{} is {} again; expected each extension once", element.path,
                                     quote(element.value)));
      continue;
    }
    disabled.push_back(std::move(element.value));
  }
  return disabled;
}

}  // namespace sallyport::config
