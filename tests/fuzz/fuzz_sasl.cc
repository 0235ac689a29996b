// SASL exchanges fed with anything: the first octet picks the mechanism and whether there is an
// initial response, LF cuts the rest into responses. Whatever comes out keeps the promises of
// Credentials.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "auth/sasl.h"
#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"

namespace {

using namespace sallyport;  // NOLINT(google-build-using-namespace): a program of one file

void expect(bool promise) {
  if (!promise) std::abort();
}

void expect_prepared(std::string_view text, std::size_t most) {
  expect(!text.empty() && text.size() <= most && utf8::is_valid(text));
  for (const char octet : text) expect(!ascii::is_control(octet));
}

/// The next response off the front of `input`.
std::string_view take_response(std::string_view& input) {
  const std::size_t end = input.find('\n');
  const std::string_view response = input.substr(0, end);
  input.remove_prefix(end == input.npos ? input.size() : end + 1);
  return response;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(bytes), size);
  if (input.empty()) return -1;
  const char choice = input.front();
  input.remove_prefix(1);
  const bool plain = (choice & 1) == 0;
  const auto exchange = auth::start_exchange(plain ? "PLAIN" : "LOGIN");

  std::optional<std::string_view> response;
  if ((choice & 2) != 0) response = take_response(input);
  // Neither mechanism asks more than twice; with the first call that makes three.
  for (int turn = 0; turn < 3; ++turn) {
    const auth::SaslStep step = exchange->step(response);
    if (const auto* malformed = std::get_if<auth::Malformed>(&step)) {
      expect(!malformed->reason.empty());
      return 0;
    }
    if (const auto* credentials = std::get_if<auth::Credentials>(&step)) {
      expect_prepared(credentials->authcid, auth::kMaxIdentity);
      expect_prepared(credentials->password.reveal(), auth::kMaxPassword);
      if (!credentials->authzid.empty()) expect_prepared(credentials->authzid, auth::kMaxIdentity);
      expect(plain || credentials->authzid.empty());
      if (plain) {  // nothing was lost or moved on the way
        const std::string again = credentials->authzid + '\0' + credentials->authcid + '\0' +
                                  std::string(credentials->password.reveal());
        expect(response == again);
      }
      return 0;
    }
    response = take_response(input);
  }
  std::abort();  // it asks without end
}
