#include "proxy/relay/delivery.h"

namespace sallyport::relay {

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDelivered:
      return "delivered";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kDeferred:
      return "deferred";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kAbandoned:
      return "abandoned";
  }
  return "unknown";
}

}  // namespace sallyport::relay
