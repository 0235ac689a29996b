#include "proxy/smtp/extensions.h"

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

}  // namespace sallyport::smtp
