// SASL exchanges: they end, in a reason or in credentials; credentials are prepared as promised,
// and those of PLAIN are what was sent, to the octet. The first octet picks mechanism and initial
// response, LF cuts the rest into responses.
#include <optional>
#include <string>
#include <string_view>

#include "auth/sasl.h"
#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::auth {
namespace {

void check_prepared(std::string_view text, std::size_t most) {
  FUZZ_CHECK(!text.empty() && text.size() <= most && utf8::is_valid(text));
  for (const char octet : text) FUZZ_CHECK(!ascii::is_control(octet));
}

/// The next response off the front of `input`.
std::string_view take_response(std::string_view& input) {
  const std::size_t end = input.find('\n');
  const std::string_view response = input.substr(0, end);
  input.remove_prefix(end == input.npos ? input.size() : end + 1);
  return response;
}

/// Takes the exchange one step on; true at its end.
bool step(SaslExchange& exchange, bool plain, std::optional<std::string_view> response) {
  const SaslStep step = exchange.step(response);
  if (std::holds_alternative<Challenge>(step)) return false;
  if (const auto* malformed = std::get_if<Malformed>(&step)) {
    FUZZ_CHECK(!malformed->reason.empty());
    return true;
  }
  const auto& [authzid, authcid, password] = std::get<Credentials>(step);
  check_prepared(authcid, kMaxIdentity);
  check_prepared(password.reveal(), kMaxPassword);
  if (!authzid.empty()) check_prepared(authzid, kMaxIdentity);
  if (plain) {
    FUZZ_CHECK(response == authzid + '\0' + authcid + '\0' + std::string(password.reveal()));
  } else {
    FUZZ_CHECK(authzid.empty() && response == password.reveal());
  }
  return true;
}

void run(std::string_view input) {
  const char choice = input.front();
  input.remove_prefix(1);
  const bool plain = (choice & 1) == 0;
  const auto exchange = start_exchange(plain ? "PLAIN" : "LOGIN");
  std::optional<std::string_view> response;
  if ((choice & 2) != 0) response = take_response(input);
  // No mechanism asks more than twice.
  if (step(*exchange, plain, response)) return;
  if (step(*exchange, plain, take_response(input))) return;
  FUZZ_CHECK(step(*exchange, plain, take_response(input)));
}

}  // namespace
}  // namespace sallyport::auth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) sallyport::auth::run(sallyport::fuzz::text(data, size));
  return 0;
}
