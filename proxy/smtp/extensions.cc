#include "proxy/smtp/extensions.h"

#include "proxy/base/ascii.h"

namespace sallyport::smtp {

std::string_view keyword(Extension extension) {
  switch (extension) {
    case Extension::kPipelining:
      return "PIPELINING";
    case Extension::k8bitmime:
      return "8BITMIME";
    case Extension::kEnhancedStatusCodes:
      return "ENHANCEDSTATUSCODES";
    case Extension::kStarttls:
      return "STARTTLS";
    case Extension::kAuth:
      return "AUTH";
    case Extension::kSize:
      return "SIZE";
    case Extension::kChunking:
      return "CHUNKING";
    case Extension::kBinarymime:
      return "BINARYMIME";
    case Extension::kSmtputf8:
      return "SMTPUTF8";
    case Extension::kDsn:
      return "DSN";
    case Extension::kRequireTls:
      return "REQUIRETLS";
    case Extension::kMtPriority:
      return "MT-PRIORITY";
    case Extension::kLimits:
      return "LIMITS";
  }
  return {};
}

std::optional<Extension> extension_named(std::string_view text) {
  for (auto i = 0; i <= static_cast<int>(Extension::kLimits); ++i) {
    const auto extension = static_cast<Extension>(i);
    if (ascii::equals_ignoring_case(keyword(extension), text)) return extension;
  }
  return std::nullopt;
}

ExtensionSet all_but(std::span<const std::string> keywords) {
  ExtensionSet left = ExtensionSet::all();
  for (const std::string& text : keywords) {
    if (const auto extension = extension_named(text)) left.erase_with_dependents(*extension);
  }
  return left;
}

}  // namespace sallyport::smtp
