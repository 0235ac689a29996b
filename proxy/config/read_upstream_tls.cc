// What an [[upstream]] demands of the other side's TLS, beyond a certificate for its host, and what
// it shows of its own.
#include <fmt/format.h>

#include <array>

#include "proxy/base/base64.h"
#include "proxy/config/forms.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

constexpr std::size_t kDigestSize = 32;
constexpr auto kTlsKeys =
    std::to_array<std::string_view>({"server_name", "pin", "certificate", "key", "min_tls"});

/// `sha256/BASE64`, as browsers, curl (with two slashes) and RFC 7469 (without the word) write it.
Form<std::string> pin_form() {
  return {.expected =
              "the SHA-256 of a public key in base64, such as "
              "\"sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=\"",
          .read = [](const Node& node) -> std::expected<std::string, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            if (!text) return std::unexpected("");
            std::string_view digits = *text;
            if (digits.starts_with("sha256/")) digits.remove_prefix(7);
            if (digits.starts_with("/") && text->starts_with("sha256//")) digits.remove_prefix(1);
            const auto digest = base64::decode(digits);
            if (!digest || digest->size() != kDigestSize) return std::unexpected("");
            return *digest;
          }};
}

}  // namespace

void read_upstream_tls(const Section& section, const Outside& outside, Upstream& upstream) {
  section.read("server_name", upstream.server_name, host_form());
  section.read_values("pin", upstream.pins, pin_form(), true);
  section.read(
      "min_tls", upstream.tls_policy,
      choice_form<TlsPolicy>({{"1.2", TlsPolicy::kIntermediate}, {"1.3", TlsPolicy::kModern}}));
  if (section.has("certificate") || section.has("key")) {
    require_readable_file(section, "certificate", outside, upstream.certificate);
    require_readable_file(section, "key", outside, upstream.key);
    upstream.key_origin = {section.place_of("certificate")};
  }
  if (upstream.tls != TlsMode::kNone) return;
  for (const std::string_view key : kTlsKeys) {
    if (section.has(key)) {
      section.blame(key, "means nothing without TLS; expected tls = \"implicit\" or \"starttls\"");
    }
  }
}

}  // namespace sallyport::config
